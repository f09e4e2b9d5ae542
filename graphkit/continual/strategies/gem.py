"""Gradient episodic memory (GEM)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradient_projection import project_gradient
from graphkit.continual.gradients import flatten, gradients, trainable
from graphkit.continual.memory import Memory
from graphkit.continual.strategy import Strategy
from graphkit.continual.trunk_outputs import share_trunk_outputs
from graphkit.registry import register_strategy


@register_strategy("gem")
class GEM(Strategy):
    r"""Gradient episodic memory (GEM, NeurIPS 2017).

    Some training items of every task are kept. A gradient that would increase the loss on the items of an old task is
    projected to the nearest one that does not, see :func:`~graphkit.continual.project_gradient`.

    Args:
        memory (int, optional): Items kept per task, balanced over the classes. (default: ``20``)
        margin (float, optional): Least coefficient of every old gradient in a projection. (default: ``0.5``)
        strength (float, optional): Interpolation between the gradient, 0, and its projection, 1. (default: ``1.0``)
        selection (str, optional): Selection of the items, see :class:`~graphkit.continual.Memory`.
            (default: ``"first"``)

    Reference:
        Lopez-Paz and Ranzato, `Gradient Episodic Memory for Continual Learning <https://arxiv.org/abs/1706.08840>`_,
        NeurIPS 2017.

    Differences:
        The released code of TWP adds 1e-3 to the diagonal of the dual problem, with which products may be slightly
        negative, and keeps the first items of a task without regard to their class.
    """

    grid = tuple({"margin": margin} for margin in (0.0, 0.03, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0))

    def __init__(self, memory: int = 20, margin: float = 0.5, strength: float = 1.0, selection: str = "first") -> None:
        self.memory, self.margin, self.strength, self.selection = memory, margin, strength, selection
        self._memory = Memory(memory, selection)
        self._old: list[Experience] = []

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Updates the kept items to the visible graph of the new task."""
        self._memory.check(task)
        self._old = self._memory.at_stage_of(task)

    def after_backward(self, model: torch.nn.Module) -> None:
        """Projects a gradient that would increase the loss of an old task."""
        if not self._old or not self.strength:
            return
        parameters = trainable(model)
        put_gradient(model, lambda grad: self.project(grad, self.old_gradients(model, parameters)), self.strength)

    def old_gradients(self, model: torch.nn.Module, parameters: dict[str, torch.nn.Parameter]) -> Tensor:
        """Returns the gradients ``[K, P]`` of all old tasks on their kept items."""
        losses = self.old_losses(model)
        rows = [gradients(loss, parameters, retain_graph=loss is not losses[-1]) for loss in losses]
        return torch.stack([flatten(row) for row in rows])

    def old_losses(self, model: torch.nn.Module) -> list[Tensor]:
        """Returns the mean losses of all old tasks on their kept items."""
        losses = []
        with share_trunk_outputs():
            for task in self._old:
                batches = list(task)
                sizes = [task.target(batch).size(0) for batch in batches]
                loss = sum(task.mean_loss(model, batch) * size for batch, size in zip(batches, sizes, strict=True))
                losses.append(torch.as_tensor(loss) / sum(sizes))
        return losses

    def project(self, grad: Tensor, old: Tensor) -> Tensor:
        """Returns the projection ``[P]`` of the gradient."""
        return project_gradient(grad, old, self.margin)

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Keeps items of the task."""
        self._memory.keep(model, task)

    def state_dict(self) -> dict[str, Any]:
        """Returns the indices of the kept items."""
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the kept items."""
        self._memory.load_state_dict(state, tasks)


def put_gradient(model: torch.nn.Module, change: Any, strength: float = 1.0) -> None:
    """Replaces the gradient ``g`` ``[P]`` of all parameters by ``change(g)``.

    A parameter without a gradient gets one only if it is not zero, so that an optimizer continues to skip it.
    """
    parameters = trainable(model)
    grad = flatten({n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in parameters.items()})
    new = change(grad)
    if new is grad:
        return
    new = grad + strength * (new - grad) if strength != 1 else new
    for parameter, chunk in zip(parameters.values(), new.split([p.numel() for p in parameters.values()]), strict=True):
        if parameter.grad is not None or bool(chunk.any()):
            parameter.grad = chunk.view_as(parameter).clone()
