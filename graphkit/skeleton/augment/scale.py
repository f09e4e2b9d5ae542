"""Random scaling of clips."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.augment.build import register_augmentation, turned, uniform


@register_augmentation("scale")
class Scale:
    """Random scaling of the axes of each clip.

    Args:
        factor (float, optional): Scales are drawn from ``[1 - factor, 1 + factor)``. (default: ``0.2``)
        together (bool, optional): If ``True``, all axes have the same scale. (default: ``False``)
        coordinates (int, optional): Number of channels that are coordinates. (default: ``3``)
    """

    def __init__(self, factor: float = 0.2, together: bool = False, coordinates: int = 3) -> None:
        if not 0 <= factor < 1:
            raise InputError(f"`factor` of the augmentation 'scale' must lie in [0, 1) (got {factor})")
        self.factor, self.together, self.coordinates = factor, together, coordinates

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the scaled frames and the same lengths."""
        axes = 1 if self.together else self.coordinates
        factors = uniform(lengths.numel() * axes, 1 - self.factor, 1 + self.factor, generator).view(-1, axes)
        return turned(x, torch.diag_embed(factors.expand(-1, self.coordinates)), lengths, self.coordinates), lengths
