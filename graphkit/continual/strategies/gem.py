"""Gradient episodic memory."""

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
    r"""`Gradient Episodic Memory for Continual Learning <https://arxiv.org/abs/1706.08840>`_ (NeurIPS 2017).

    Some training items of every task are kept. A step whose gradient would raise the loss on the items of any old task
    is turned to the nearest direction that does not, see :func:`~graphkit.continual.project_gradient`.

    Args:
        memory: Items of each task, as many of each class.
        margin: How much of every old gradient is added once any is hurt.
        strength: Share of the way from the gradient to the one in its place, 0 for none (fine-tuning), 1 for all.
        selection: Which items are kept, see :class:`~graphkit.continual.Memory`.

    Differences:
        The released code of TWP adds 1e-3 to the diagonal of the dual, with which products stay a little negative, and
        takes the first items whatever their class.
    """

    grid = tuple({"margin": margin} for margin in (0.0, 0.03, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0))

    def __init__(self, memory: int = 20, margin: float = 0.5, strength: float = 1.0, selection: str = "first") -> None:
        self.memory, self.margin, self.strength, self.selection = memory, margin, strength, selection
        self._memory = Memory(memory, selection)
        self._old: list[Experience] = []

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Looks at the kept items in the graph of the new task."""
        self._memory.check(task)
        self._old = self._memory.at_stage_of(task)

    def after_backward(self, model: torch.nn.Module) -> None:
        """Puts another gradient in the place of one that hurts an old task."""
        if not self._old or not self.strength:
            return
        parameters = trainable(model)
        put_gradient(model, lambda grad: self.project(grad, self.old_gradients(model, parameters)), self.strength)

    def old_gradients(self, model: torch.nn.Module, parameters: dict[str, torch.nn.Parameter]) -> Tensor:
        """Returns the gradients of all old tasks on their kept items, ``[K, P]``."""
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
        """Returns the gradient to be used, ``[P]``."""
        return project_gradient(grad, old, self.margin)

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Keeps items of the task."""
        self._memory.keep(model, task)

    def state_dict(self) -> dict[str, Any]:
        """Returns which items are kept."""
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Takes the kept items again."""
        self._memory.load_state_dict(state, tasks)


def put_gradient(model: torch.nn.Module, change: Any, strength: float = 1.0) -> None:
    """Puts ``change(g)`` in the place of the gradient ``g`` ``[P]`` of all parameters.

    Parameters that had no gradient are given one only where it is not zero, so that an optimizer that leaves them alone
    goes on doing so.
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
