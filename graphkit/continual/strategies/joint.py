"""Joint training: the upper bound."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.continual.cycle import CycleIterator
from graphkit.continual.experience import Experience
from graphkit.continual.strategy import Strategy
from graphkit.registry import register_strategy


@register_strategy("joint")
class Joint(Strategy):
    """Trains on all tasks together, which is what a continual learner cannot do: a bound for all others.

    Args:
        incremental: Whether tasks still come one after the other, and each step trains on all that have come; otherwise
            all tasks are trained on from the start, once (:attr:`together` says so to the loop).
    """

    def __init__(self, incremental: bool = False) -> None:
        self.incremental = incremental
        self._learned: list[Experience] = []
        self._cycles: list[CycleIterator] = []

    @property
    def together(self) -> bool:
        """Whether all tasks are to be announced by :meth:`before_task` before the first step of a single training."""
        return not self.incremental

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Adds the tasks before this one to what is trained on."""
        self._cycles = [CycleIterator(old.at_stage_of(task)) for old in self._learned]
        self._learned.append(task)

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the losses of all other tasks."""
        total = super().penalty(model, batch)
        for cycle in self._cycles:
            total = total + cycle.task.mean_loss(model, cycle.next())
        return total

    def state_dict(self) -> dict[str, Any]:
        """Returns how many tasks have come."""
        return {"tasks": len(self._learned)}

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Takes the tasks again."""
        self._learned = list(tasks[: state["tasks"]])
