"""Elastic weight consolidation."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named
from graphkit.continual.importance import importance, scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.errors import InputError
from graphkit.registry import register_strategy


@register_strategy("ewc")
class EWC(QuadraticPenalty):
    r"""`Overcoming catastrophic forgetting in neural networks <https://arxiv.org/abs/1612.00796>`_ (PNAS 2017).

    The importance of a parameter is the diagonal of the Fisher information, the mean over training items of
    :math:`(\partial L_i / \partial \theta)^2`.

    Args:
        strength: Factor of the penalty.
        fisher: ``"sample"`` for squares of the gradients of single items, ``"batch"`` for squares of the gradient of
            the mean over a batch, which is cheaper and vanishes where the loss has been minimized.
        scale: Whether the importances of a task are scaled to sum to one, so that one strength serves.
        samples: At most so many items are looked at in the form per sample, spread over the task.

    Differences:
        The released code of TWP uses the batch form, with dropout on, and the last mini-batch only where there are
        several. There is no factor 1/2, as in that code.
    """

    grid = tuple({"strength": strength} for strength in STRENGTHS)

    def __init__(
        self, strength: float = 100.0, fisher: str = "sample", scale: bool = True, samples: int | None = 50
    ) -> None:
        super().__init__()
        if fisher not in ("sample", "batch"):
            raise InputError(f"`fisher` must be 'sample' or 'batch' (got {fisher!r})")
        self.strength, self.fisher, self.scale, self.samples = strength, fisher, scale, samples

    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the diagonal of the Fisher information."""
        fisher = importance(model, task, task.loss, self.fisher, "square", self.samples)
        fisher = scaled(fisher) if self.scale else fisher
        return {name: self.strength * value for name, value in fisher.items()}
