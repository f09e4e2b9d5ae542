"""Some clips seen in a mirror."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import each_frame, register_augmentation
from graphkit.skeleton.layout import SkeletonLayout


@register_augmentation("mirror")
class Mirror:
    """Turns the x axis of a clip around and lets its left and right joints change places.

    Args:
        share: Share of the clips that are mirrored.
        layout: The joints, with the pairs that change places.
    """

    def __init__(self, share: float = 0.5, layout: SkeletonLayout | None = None) -> None:
        if layout is None or not layout.mirrored:
            raise InputError("the augmentation 'mirror' needs a layout that says which joints change places (got none)")
        if not 0 <= share <= 1:
            raise InputError(f"`share` of the augmentation 'mirror' must lie in [0, 1] (got {share})")
        order = list(range(layout.num_joints))
        for left, right in layout.mirrored:
            order[left], order[right] = right, left
        self.share, self.order = share, torch.tensor(order)

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns frames of which some are mirrored, and the same lengths."""
        chosen = torch.rand(lengths.numel(), generator=generator) < self.share
        mirrored = x.index_select(2, self.order)
        mirrored[..., 0] = -mirrored[..., 0]
        return torch.where(each_frame(chosen, lengths).view(-1, 1, 1, 1), mirrored, x), lengths
