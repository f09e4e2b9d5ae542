"""Uniform importance, a control for strategies with a quadratic penalty."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, trainable
from graphkit.continual.importance import scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.registry import register_strategy


@register_strategy("uniform")
class UniformImportance(QuadraticPenalty):
    """Quadratic penalty with equal importance of all parameters, a control.

    Args:
        strength (float, optional): Factor of the penalty; the importances of a task sum to 1. (default: ``100.0``)
    """

    grid = tuple({"strength": strength} for strength in STRENGTHS)

    def __init__(self, strength: float = 100.0) -> None:
        super().__init__()
        self.strength = strength

    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the same importance for every parameter."""
        return scaled({name: torch.ones_like(value) for name, value in trainable(model).items()}, self.strength)
