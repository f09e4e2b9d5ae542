"""Joints that are not seen."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import each_frame, register_augmentation


@register_augmentation("drop-joints")
class DropJoints:
    """Sets random joints to zero in all frames of a clip, as if they had not been seen.

    Args:
        share: Share of the joints.
    """

    def __init__(self, share: float = 0.1) -> None:
        if not 0 <= share < 1:
            raise InputError(f"`share` of the augmentation 'drop-joints' must lie in [0, 1) (got {share})")
        self.share = share

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns frames with fewer joints and the same lengths."""
        gone = torch.rand(lengths.numel(), x.size(2), generator=generator) < self.share
        return x.masked_fill(each_frame(gone, lengths)[:, None, :, None], 0.0), lengths
