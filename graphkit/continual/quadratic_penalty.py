"""Quadratic penalty: base class of EWC, MAS, TWP and uniform importance."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import Named, trainable
from graphkit.continual.merged_penalty import MergedPenalty, merge_penalty, merged_penalty
from graphkit.continual.strategy import Strategy, check_network

#: Strengths in a search, for importances that sum to one.
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


class QuadraticPenalty(Strategy, ABC):
    r"""Base class of strategies with a quadratic penalty on changes of parameters.

    The penalty is :math:`\sum_n \sum_m I_{n,m} (w_m - w_{n,m})^2` over the tasks :math:`n` so far. Sub-classes
    compute the importance :math:`I_n` after a task. Time and memory do not grow with the number of tasks, see
    :func:`~graphkit.continual.merge_penalty`.
    """

    #: Whether all importances refer to the latest weights, instead of those after their task.
    to_latest: ClassVar[bool] = False

    def __init__(self) -> None:
        self._merged: MergedPenalty | None = None

    @abstractmethod
    def importance(self, model: torch.nn.Module, task: Experience) -> Named:
        """Returns the importance of every parameter for a task, times all strengths.

        Args:
            model (torch.nn.Module): The model after the task.
            task (Experience): The task.
        """

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Checks names and shapes of the parameters."""
        if self._merged is not None:
            check_network(self._merged.anchor, model)

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the quadratic penalty of all tasks so far."""
        if self._merged is None:
            return super().penalty(model, batch)
        return merged_penalty(self._merged, dict(model.named_parameters()))

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Adds the quadratic penalty of the task."""
        importance = self.importance(model, task)
        if not any(bool(value.any()) for value in importance.values()):
            return  # gradients of zero would still enable the weight decay of an optimizer
        self._merged = merge_penalty(self._merged, importance, trainable(model))
        if self.to_latest:
            slope = {name: torch.zeros_like(value) for name, value in self._merged.slope.items()}
            self._merged = self._merged._replace(slope=slope, constant=0.0)

    def state_dict(self) -> dict[str, Any]:
        """Returns the merged penalty."""
        return {} if self._merged is None else self._merged._asdict()

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the merged penalty."""
        if not state:
            self._merged = None
            return
        check_network(state["anchor"], model)
        device = next(model.parameters()).device
        named = {key: {name: t.to(device) for name, t in state[key].items()} for key in ("total", "slope", "anchor")}
        self._merged = MergedPenalty(**named, constant=float(state["constant"]))
