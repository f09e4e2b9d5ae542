"""Random mirroring of clips."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import each_frame, register_augmentation
from graphkit.skeleton.layout import SkeletonLayout


@register_augmentation("mirror")
class Mirror:
    """Random mirroring: negates the x axis and swaps left and right joints.

    Args:
        share (float, optional): Probability of mirroring a clip. (default: ``0.5``)
        layout (SkeletonLayout, optional): Joint layout with ``mirrored`` pairs. (default: ``None``)
    """

    def __init__(self, share: float = 0.5, layout: SkeletonLayout | None = None) -> None:
        if layout is None or not layout.mirrored:
            raise InputError("the augmentation 'mirror' needs a layout with `mirrored` joints (got none); leave it out")
        if not 0 <= share <= 1:
            raise InputError(f"`share` of the augmentation 'mirror' must lie in [0, 1] (got {share})")
        order = list(range(layout.num_joints))
        for left, right in layout.mirrored:
            order[left], order[right] = right, left
        self.share, self.order = share, torch.tensor(order)

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the frames, some of them mirrored, and the same lengths."""
        chosen = torch.rand(lengths.numel(), generator=generator) < self.share
        mirrored = x.index_select(2, self.order)
        mirrored[..., 0] = -mirrored[..., 0]
        return torch.where(each_frame(chosen, lengths).view(-1, 1, 1, 1), mirrored, x), lengths
