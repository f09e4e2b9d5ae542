"""Random dropping of joints."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import each_frame, register_augmentation


@register_augmentation("drop-joints")
class DropJoints:
    """Random dropping of joints, set to zero in all frames of a clip.

    Args:
        share (float, optional): Probability of dropping a joint. (default: ``0.1``)
    """

    def __init__(self, share: float = 0.1) -> None:
        if not 0 <= share < 1:
            raise InputError(f"`share` of the augmentation 'drop-joints' must lie in [0, 1) (got {share})")
        self.share = share

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the frames without the dropped joints and the same lengths."""
        gone = torch.rand(lengths.numel(), x.size(2), generator=generator) < self.share
        return x.masked_fill(each_frame(gone, lengths)[:, None, :, None], 0.0), lengths
