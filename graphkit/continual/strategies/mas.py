"""Memory aware synapses."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named
from graphkit.continual.importance import importance, output_norm, scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.registry import register_strategy


@register_strategy("mas")
class MAS(QuadraticPenalty):
    r"""`Memory Aware Synapses <https://arxiv.org/abs/1711.09601>`_ (ECCV 2018).

    The importance of a parameter is how strongly it moves the outputs, the mean over training items of
    :math:`|\partial \lVert \mathbf{o}_i \rVert^2 / \partial \theta|`; no label is looked at. Importances of all tasks
    add up and hold to the latest weights.

    Args:
        strength: Factor of the penalty.
        scale: Whether the importances of a task are scaled to sum to one, so that one strength serves.
        samples: At most so many items are looked at, spread over the task.

    Differences:
        The released code of TWP keeps the importance of the latest task only, and squares the gradient of the mean.
    """

    grid = tuple({"strength": strength} for strength in STRENGTHS)
    to_latest = True

    def __init__(self, strength: float = 100.0, scale: bool = True, samples: int | None = 50) -> None:
        super().__init__()
        self.strength, self.scale, self.samples = strength, scale, samples

    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the sensitivity of the outputs."""
        sensitivity = importance(model, task, output_norm, "sample", "abs", self.samples)
        sensitivity = scaled(sensitivity) if self.scale else sensitivity
        return {name: self.strength * value for name, value in sensitivity.items()}
