"""Random temporal crop and speed change."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, uniform
from graphkit.skeleton.resample import resample


@register_augmentation("crop")
class Crop:
    """Random temporal crop of each clip, resampled by interpolation.

    Args:
        share (float, optional): Smallest relative length of the crop; the length is drawn between it and 1.
            (default: ``0.5``)
        frames (int, optional): Number of frames of the result; if 0, that of the crop divided by a speed factor.
            (default: ``0``)
        speed (float, optional): Largest speed factor, drawn log-uniformly between its inverse and itself.
            (default: ``1.0``)
        coordinates (int, optional): Number of channels that are coordinates. (default: all)
    """

    def __init__(self, share: float = 0.5, frames: int = 0, speed: float = 1.0, coordinates: int | None = None) -> None:
        if not 0 < share <= 1:
            raise InputError(f"`share` of the augmentation 'crop' must lie in (0, 1] (got {share})")
        if frames < 0 or speed < 1:
            what = "`frames` must not be negative and `speed` at least 1"
            raise InputError(f"{what} in the augmentation 'crop' (got {frames} and {speed})")
        self.share, self.frames, self.speed, self.coordinates = share, frames, speed, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the resampled frames and their lengths."""
        count = lengths.numel()
        span = (lengths - 1) * uniform(count, self.share, 1.0, generator)
        first = (lengths - 1 - span) * uniform(count, 0.0, 1.0, generator)
        if self.frames:
            wanted = torch.full_like(lengths, self.frames)
        else:
            factor = self.speed ** uniform(count, -1.0, 1.0, generator)
            wanted = ((span + 1) / factor).round().long().clamp(min=1)
        return resample(x, lengths, wanted, first, first + span, self.coordinates), wanted
