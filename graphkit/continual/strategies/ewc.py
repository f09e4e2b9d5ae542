"""Elastic weight consolidation (EWC)."""

import torch

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named
from graphkit.continual.importance import importance, scaled
from graphkit.continual.quadratic_penalty import STRENGTHS, QuadraticPenalty
from graphkit.errors import InputError
from graphkit.registry import register_strategy


@register_strategy("ewc")
class EWC(QuadraticPenalty):
    r"""Elastic weight consolidation (EWC, PNAS 2017): penalty by Fisher information.

    The importance of a parameter is the diagonal of the Fisher information, the mean over training items :math:`i` of
    :math:`(\partial L_i / \partial \theta)^2`.

    Args:
        strength (float, optional): Factor of the penalty. (default: ``100.0``)
        fisher (str, optional): ``"sample"`` for squared gradients of single items, ``"batch"`` for the squared gradient
            of the mean loss of a batch, which is cheaper but vanishes at a minimum. (default: ``"sample"``)
        scale (bool, optional): If ``True``, the importances of a task are scaled to sum to 1. (default: ``True``)
        samples (int, optional): Maximum number of items for ``fisher="sample"``, evenly spaced over the task; all if
            ``None``. (default: ``50``)

    Reference:
        Kirkpatrick et al., `Overcoming catastrophic forgetting in neural networks
        <https://arxiv.org/abs/1612.00796>`_, PNAS 2017.

    Differences:
        There is no factor 1/2. The released code of TWP uses ``fisher="batch"``, with dropout, and only the last of
        several mini-batches.
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
