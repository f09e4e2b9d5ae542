"""A random stretch of each clip, played at another speed."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, uniform
from graphkit.skeleton.resample import resample


@register_augmentation("crop")
class Crop:
    """Takes a random stretch of each clip and interpolates it to a number of frames.

    Args:
        share: Smallest share of the clip that is taken; the share is drawn between it and 1.
        frames: Number of frames of the result; 0 for as many as the stretch has, times the change of speed.
        speed: Without ``frames``, the number of frames is divided by a factor drawn between one over this and this.
        coordinates: How many channels are coordinates; all by default.
    """

    def __init__(self, share: float = 0.5, frames: int = 0, speed: float = 1.0, coordinates: int | None = None) -> None:
        if not 0 < share <= 1:
            raise InputError(f"`share` of the augmentation 'crop' must lie in (0, 1] (got {share})")
        if frames < 0 or speed < 1:
            what = "`frames` must not be negative and `speed` at least 1"
            raise InputError(f"{what} in the augmentation 'crop' (got {frames} and {speed})")
        self.share, self.frames, self.speed, self.coordinates = share, frames, speed, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns other frames and lengths."""
        count = lengths.numel()
        span = (lengths - 1) * uniform(count, self.share, 1.0, generator)
        first = (lengths - 1 - span) * uniform(count, 0.0, 1.0, generator)
        if self.frames:
            wanted = torch.full_like(lengths, self.frames)
        else:
            factor = self.speed ** uniform(count, -1.0, 1.0, generator)
            wanted = ((span + 1) / factor).round().long().clamp(min=1)
        return resample(x, lengths, wanted, first, first + span, self.coordinates), wanted
