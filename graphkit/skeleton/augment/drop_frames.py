"""Random dropping of frames."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation


@register_augmentation("drop-frames")
class DropFrames:
    """Random dropping of frames; the first frame of a clip is kept.

    Args:
        share (float, optional): Probability of dropping a frame. (default: ``0.1``)
    """

    def __init__(self, share: float = 0.1) -> None:
        if not 0 <= share < 1:
            raise InputError(f"`share` of the augmentation 'drop-frames' must lie in [0, 1) (got {share})")
        self.share = share

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the remaining frames and their lengths."""
        kept = torch.rand(x.size(0), generator=generator) >= self.share
        kept[lengths.cumsum(0) - lengths] = True
        owner = torch.arange(lengths.numel()).repeat_interleave(lengths)
        return x[kept], torch.bincount(owner[kept], minlength=lengths.numel())
