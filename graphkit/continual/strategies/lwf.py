"""Learning without forgetting (LwF)."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from graphkit.continual.cycle import CycleIterator
from graphkit.continual.distillation_loss import softened_binary_cross_entropy, softened_cross_entropy
from graphkit.continual.experience import Experience
from graphkit.continual.gradients import evaluating
from graphkit.continual.strategy import Strategy, check_network
from graphkit.errors import InputError
from graphkit.registry import register_strategy


@register_strategy("lwf")
class LwF(Strategy):
    """Learning without forgetting (LwF, ECCV 2016): distillation from the old model.

    The outputs of old tasks for the inputs of the new task are distilled from a copy of the model after the last task.
    No item of an old task is kept.

    Args:
        strength (float, optional): Factor of the distillation loss. (default: ``1.0``)
        temperature (float, optional): Temperature of the distillation loss. (default: ``2.0``)
        items (str, optional): Inputs of the distillation: ``"visible"`` for all nodes of the visible graph, ``"train"``
            for the training items of the new task. (default: ``"visible"``)

    Reference:
        Li and Hoiem, `Learning without Forgetting <https://arxiv.org/abs/1606.09282>`_, ECCV 2016.

    Differences:
        The released code of TWP detaches the distillation loss, which therefore has no effect.
    """

    grid = tuple({"strength": strength} for strength in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0))

    def __init__(self, strength: float = 1.0, temperature: float = 2.0, items: str = "visible") -> None:
        if items not in ("visible", "train"):
            raise InputError(f"`items` must be 'visible' or 'train' (got {items!r})")
        if temperature <= 0:
            raise InputError(f"`temperature` must be positive (got {temperature})")
        self.strength, self.temperature, self.items = strength, temperature, items
        self._learned: list[Experience] = []
        self._teacher: torch.nn.Module | None = None
        self._questions: list[Experience] = []
        self._cycle: CycleIterator | None = None
        self._answers: list[Tensor] | None = None

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Computes the outputs of the old model for the new task, if it is one graph."""
        self._questions = task.old_experiences(self._learned, self.items == "visible") if self.strength else []
        self._cycle, self._answers = CycleIterator(task), None
        batches = iter(task)
        first = next(batches)
        if self._teacher is not None and next(batches, None) is None:  # the outputs for a single graph do not change
            self._answers = self._ask(first)

    def _ask(self, batch: Any) -> list[Tensor]:
        """Returns the outputs of the old model for a batch, by old task."""
        teacher = self._teacher
        assert teacher is not None
        with torch.no_grad(), evaluating(teacher):
            return [question.output(teacher, batch) for question in self._questions]

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the distillation loss of all old tasks."""
        total = super().penalty(model, batch)
        if self._teacher is None or not self._questions or self._cycle is None:
            return total
        batch = self._cycle.next() if batch is None else batch
        answers = self._ask(batch) if self._answers is None else self._answers
        for question, answer in zip(self._questions, answers, strict=True):
            student = question.output(model, batch)
            several = question.target(batch).dim() > 1
            term = softened_binary_cross_entropy if several else softened_cross_entropy
            total = total + self.strength * term(student, answer, self.temperature)
        return total

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Replaces the old model by a copy of the model."""
        self._learned.append(task)
        self._teacher = deepcopy(model).requires_grad_(False)
        self._answers, self._questions = None, []

    def state_dict(self) -> dict[str, Any]:
        """Returns the weights of the old model."""
        if self._teacher is None:
            return {}
        return {"teacher": self._teacher.state_dict(), "tasks": len(self._learned)}

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the old model and its tasks."""
        self._learned, self._teacher = [], None
        if state:
            buffers = dict(model.named_buffers())
            check_network({name: tensor for name, tensor in state["teacher"].items() if name not in buffers}, model)
            if len(tasks) < state["tasks"]:
                raise InputError(
                    f"{state['tasks']} tasks were learned; pass these to `load_state_dict` (got {len(tasks)})"
                )
            self._learned = list(tasks[: state["tasks"]])
            self._teacher = deepcopy(model).requires_grad_(False)
            self._teacher.load_state_dict(state["teacher"])
