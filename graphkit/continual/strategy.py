"""Base class of strategies for continual learning."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import trainable
from graphkit.errors import InputError


class Strategy:
    """Base class of strategies against forgetting: four hooks and a state.

    A training loop calls the hooks in this order. Those of the base class do nothing, which is fine-tuning::

        for task in stream:
            strategy.before_task(model, task)
            for batch in task:                                          # for some epochs
                optimizer.zero_grad()
                loss = task.mean_loss(model, batch) + strategy.penalty(model)
                loss.backward()
                strategy.after_backward(model)
                optimizer.step()
            strategy.after_task(model, task)

    ``task`` is an :class:`~graphkit.continual.Experience`, such as a task of a
    :class:`~graphkit.continual.TaskStream`.
    """

    #: Settings of a search, the same number for every strategy.
    grid: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    #: Whether weight decay is disabled, for any protocol.
    without_decay: ClassVar[bool] = False

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Hook before the first step on a task.

        Args:
            model (torch.nn.Module): The model.
            task (Experience): The task.

        Raises:
            InputError: If the strategy does not apply to the model or the task.
        """

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the penalty to add to the loss of a step, a scalar.

        Args:
            model (torch.nn.Module): The model.
            batch (optional): Batch of this step, for strategies that use inputs (LwF, the capacity term of TWP);
                if ``None``, they iterate over the batches of the task. (default: ``None``)
        """
        return next(model.parameters()).new_zeros(())

    def after_backward(self, model: torch.nn.Module) -> None:
        """Hook after the backward pass of a step, which may change the gradients.

        Args:
            model (torch.nn.Module): The model.
        """

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Hook after the last step on a task.

        Args:
            model (torch.nn.Module): The model.
            task (Experience): The task.
        """

    def state_dict(self) -> dict[str, Any]:
        """Returns the state as tensors, numbers and text."""
        return {}

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the state.

        Args:
            state (dict): Result of :meth:`state_dict`.
            model (torch.nn.Module): The model.
            tasks (list of Experience, optional): All tasks in order, for strategies that keep items: the state contains
                their indices only. (default: ``()``)

        Raises:
            InputError: If the state belongs to another network; the message lists the differences.
        """

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in vars(self).items() if not key.startswith("_"))
        return f"{type(self).__name__}({options})"


def check_network(tensors: dict[str, Tensor], model: torch.nn.Module) -> None:
    """Checks that tensors have the names and shapes of the parameters of a model.

    Frozen parameters may be missing.

    Raises:
        InputError: If names or shapes differ; the message lists the differences.
    """
    came = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    compared = {name: parameter for name, parameter in model.named_parameters() if name in came} | trainable(model)
    expected = {name: tuple(parameter.shape) for name, parameter in compared.items()}
    if expected != came:
        differences = [
            f"{name} {came.get(name, 'absent')} in the state, {expected.get(name, 'absent')} in the model"
            for name in sorted(expected.keys() | came.keys())
            if expected.get(name) != came.get(name)
        ]
        raise InputError(f"the strategy was saved with another network: {'; '.join(differences)}")
