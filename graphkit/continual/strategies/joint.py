"""Joint training, the upper bound of all strategies."""

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
    """Joint training on the data of all tasks, an upper bound of all strategies.

    Args:
        incremental (bool, optional): If ``True``, tasks are added in order, and each step trains on all tasks so far;
            else there is one training on all tasks, see :attr:`together`. (default: ``False``)
    """

    def __init__(self, incremental: bool = False) -> None:
        self.incremental = incremental
        self._learned: list[Experience] = []
        self._cycles: list[CycleIterator] = []

    @property
    def together(self) -> bool:
        """``True`` if the loop calls :meth:`before_task` for all tasks and trains once."""
        return not self.incremental

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Adds the earlier tasks to the training data."""
        self._cycles = [CycleIterator(old.at_stage_of(task)) for old in self._learned]
        self._learned.append(task)

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the sum of the losses of all other tasks."""
        total = super().penalty(model, batch)
        for cycle in self._cycles:
            total = total + cycle.task.mean_loss(model, cycle.next())
        return total

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of tasks so far."""
        return {"tasks": len(self._learned)}

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the tasks."""
        self._learned = list(tasks[: state["tasks"]])
