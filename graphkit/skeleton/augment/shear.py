"""Each clip slanted."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, turned, uniform


@register_augmentation("shear")
class Shear:
    """Adds to each coordinate random shares of the others.

    Args:
        share: Shares are drawn between minus and plus this.
        coordinates: How many channels are coordinates.
    """

    def __init__(self, share: float = 0.2, coordinates: int = 3) -> None:
        if not 0 <= share < 1:
            raise InputError(f"`share` of the augmentation 'shear' must lie in [0, 1) (got {share})")
        self.share, self.coordinates = share, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns slanted frames and the same lengths."""
        count, size = lengths.numel(), self.coordinates
        slant = uniform(count * size * size, -self.share, self.share, generator).view(count, size, size)
        eye = torch.eye(size)
        return turned(x, eye + slant * (1 - eye), lengths, size), lengths
