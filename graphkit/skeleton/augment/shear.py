"""Random shearing of clips."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, turned, uniform


@register_augmentation("shear")
class Shear:
    """Random shearing of each clip.

    Args:
        share (float, optional): Shear factors are drawn from ``[-share, share)``. (default: ``0.2``)
        coordinates (int, optional): Number of channels that are coordinates. (default: ``3``)
    """

    def __init__(self, share: float = 0.2, coordinates: int = 3) -> None:
        if not 0 <= share < 1:
            raise InputError(f"`share` of the augmentation 'shear' must lie in [0, 1) (got {share})")
        self.share, self.coordinates = share, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the sheared frames and the same lengths."""
        count, size = lengths.numel(), self.coordinates
        slant = uniform(count * size * size, -self.share, self.share, generator).view(count, size, size)
        eye = torch.eye(size)
        return turned(x, eye + slant * (1 - eye), lengths, size), lengths
