"""Averaged gradient episodic memory."""

import torch
from torch import Tensor

from graphkit.continual.gradient_projection import project_on_reference
from graphkit.continual.gradients import flatten, gradients
from graphkit.continual.strategies.gem import GEM
from graphkit.registry import register_strategy


@register_strategy("a-gem")
class AGEM(GEM):
    r"""`Efficient Lifelong Learning with A-GEM <https://arxiv.org/abs/1812.00420>`_ (ICLR 2019).

    As :class:`GEM`, but against the mean gradient of all old tasks, which needs no quadratic programme.

    Args:
        memory: Items of each task, as many of each class.
        strength: Share of the way from the gradient to the one in its place.
        selection: Which items are kept, see :class:`~graphkit.continual.Memory`.
    """

    grid = tuple(
        {"selection": selection, "strength": strength}
        for strength in (1.0, 0.5)
        for selection in ("first", "mean", "coverage")
    ) + ({"selection": "first", "strength": 0.75}, {"selection": "mean", "strength": 0.75})

    def __init__(self, memory: int = 20, strength: float = 1.0, selection: str = "first") -> None:
        super().__init__(memory, 0.0, strength, selection)

    def project(self, grad: Tensor, old: Tensor) -> Tensor:
        """Returns the gradient to be used, ``[P]``."""
        return project_on_reference(grad, old[0])

    def old_gradients(self, model: torch.nn.Module, parameters: dict[str, torch.nn.Parameter]) -> Tensor:
        """Returns the mean gradient of all old tasks on their kept items, ``[1, P]``, in one backward pass."""
        return flatten(gradients(torch.stack(self.old_losses(model)).mean(), parameters))[None]
