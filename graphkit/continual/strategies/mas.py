"""Memory aware synapses (MAS)."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named
from graphkit.continual.importance import importance, output_norm, scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.registry import register_strategy


@register_strategy("mas")
class MAS(QuadraticPenalty):
    r"""Memory aware synapses (MAS, ECCV 2018): penalty by sensitivity of outputs.

    The importance of a parameter is the mean over training items :math:`i` of
    :math:`|\partial \lVert \mathbf{o}_i \rVert^2 / \partial \theta|`, which needs no labels. The penalty is that of
    the sum of the importances of all tasks, around the latest weights.

    Args:
        strength (float, optional): Factor of the penalty. (default: ``100.0``)
        scale (bool, optional): If ``True``, the importances of a task are scaled to sum to 1. (default: ``True``)
        samples (int, optional): Maximum number of items, evenly spaced over the task; all if ``None``.
            (default: ``50``)

    Reference:
        Aljundi et al., `Memory Aware Synapses <https://arxiv.org/abs/1711.09601>`_, ECCV 2018.

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
