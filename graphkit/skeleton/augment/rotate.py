"""Random rotation of clips."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, turned, uniform


@register_augmentation("rotate")
class Rotate:
    """Random rotation of each clip about the x, y and z axes, or in the plane.

    Args:
        degrees (float or Sequence[float], optional): Largest absolute angle in degrees, for all axes or for each.
            (default: ``30.0``)
        coordinates (int, optional): Number of channels that are coordinates. (default: ``3``)
    """

    def __init__(self, degrees: float | Sequence[float] = 30.0, coordinates: int = 3) -> None:
        axes = 3 if coordinates == 3 else 1
        angles = [float(degrees)] * axes if isinstance(degrees, int | float) else [float(angle) for angle in degrees]
        if len(angles) != axes:
            raise InputError(f"`degrees` of the augmentation 'rotate' must be one angle or {axes} (got {len(angles)})")
        self.angles, self.coordinates = angles, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the rotated frames and the same lengths."""
        count, size = lengths.numel(), self.coordinates
        matrix = torch.eye(size).expand(count, size, size)
        for axis, limit in enumerate(self.angles):
            angle = uniform(count, -limit, limit, generator) * (math.pi / 180)
            a, b = ((axis + 1) % 3, (axis + 2) % 3) if size == 3 else (0, 1)
            turn = torch.eye(size).repeat(count, 1, 1)
            turn[:, a, a] = turn[:, b, b] = angle.cos()
            turn[:, a, b], turn[:, b, a] = -angle.sin(), angle.sin()
            matrix = turn @ matrix
        return turned(x, matrix, lengths, size), lengths
