"""UniformImportance importance: the control of all strategies that weigh parameters."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, trainable
from graphkit.continual.importance import scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.registry import register_strategy


@register_strategy("uniform")
class UniformImportance(QuadraticPenalty):
    """Holds all parameters back alike. An importance that does no better than this has found nothing.

    Args:
        strength: Factor of the penalty, whose importances sum to one for each task.
    """

    grid = tuple({"strength": strength} for strength in STRENGTHS)

    def __init__(self, strength: float = 100.0) -> None:
        super().__init__()
        self.strength = strength

    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the same number for every parameter."""
        return scaled({name: torch.ones_like(value) for name, value in trainable(model).items()}, self.strength)
