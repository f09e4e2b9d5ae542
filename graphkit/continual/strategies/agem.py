"""Averaged gradient episodic memory (A-GEM)."""

import torch
from torch import Tensor

from graphkit.continual.gradient_projection import project_on_reference
from graphkit.continual.gradients import flatten, gradients
from graphkit.continual.strategies.gem import GEM
from graphkit.registry import register_strategy


@register_strategy("a-gem")
class AGEM(GEM):
    r"""Averaged gradient episodic memory (A-GEM, ICLR 2019).

    As :class:`GEM`, but with the mean gradient of all old tasks, which needs no quadratic program; see
    :func:`~graphkit.continual.project_on_reference`.

    Args:
        memory (int, optional): Items kept per task, balanced over the classes. (default: ``20``)
        strength (float, optional): Interpolation between the gradient, 0, and its projection, 1. (default: ``1.0``)
        selection (str, optional): Selection of the items, see :class:`~graphkit.continual.Memory`.
            (default: ``"first"``)

    Reference:
        Chaudhry, Ranzato, Rohrbach and Elhoseiny, `Efficient Lifelong Learning with A-GEM
        <https://arxiv.org/abs/1812.00420>`_, ICLR 2019.
    """

    grid = tuple(
        {"selection": selection, "strength": strength}
        for strength in (1.0, 0.5)
        for selection in ("first", "mean", "coverage")
    ) + ({"selection": "first", "strength": 0.75}, {"selection": "mean", "strength": 0.75})

    def __init__(self, memory: int = 20, strength: float = 1.0, selection: str = "first") -> None:
        super().__init__(memory, 0.0, strength, selection)

    def project(self, grad: Tensor, old: Tensor) -> Tensor:
        """Returns the projection ``[P]`` of the gradient."""
        return project_on_reference(grad, old[0])

    def old_gradients(self, model: torch.nn.Module, parameters: dict[str, torch.nn.Parameter]) -> Tensor:
        """Returns the mean gradient ``[1, P]`` of all old tasks on their kept items."""
        return flatten(gradients(torch.stack(self.old_losses(model)).mean(), parameters))[None]
