"""What all strategies have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import trainable
from graphkit.errors import InputError


class Strategy:
    """A way to learn a task without losing the ones before: four calls in a training loop, and a state.

    A loop of any kind calls them in this order; the base class does nothing in all of them, which is fine-tuning::

        for task in stream:
            strategy.before_task(model, task)
            for batch in task:                                          # for some epochs
                optimizer.zero_grad()
                loss = task.mean_loss(model, batch) + strategy.penalty(model)
                loss.backward()
                strategy.after_backward(model)
                optimizer.step()
            strategy.after_task(model, task)

    ``task`` is an :class:`~graphkit.continual.Experience`: one of a :class:`~graphkit.continual.TaskStream`, or one
    that is made by hand from a loader and three functions.
    """

    #: Settings that a search tries, the same number for every strategy.
    grid: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    #: Whether weight decay is switched off, whatever the protocol says.
    without_decay: ClassVar[bool] = False

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Is called before the first step on a task."""

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns what is to be added to the loss of a step, a scalar.

        Args:
            model: The model.
            batch: The batch of this step, for the strategies that look at inputs (LwF, TWP's capacity term); without
                it they go through the batches of the task by themselves.
        """
        return next(model.parameters()).new_zeros(())

    def after_backward(self, model: torch.nn.Module) -> None:
        """Is called when the gradients of a step are there, and may change them."""

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Is called after the last step on a task."""

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors, numbers and text that :meth:`load_state_dict` goes on from."""
        return {}

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Goes on where the state was taken.

        Args:
            state: What :meth:`state_dict` returned.
            model: The model that goes on being trained.
            tasks: The tasks by number, for the strategies that remember items of them: the state holds their places
                only.

        Raises:
            ValueError: If the state is one of another network; the names and shapes that differ are listed.
        """

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in vars(self).items() if not key.startswith("_"))
        return f"{type(self).__name__}({options})"


def check_network(tensors: dict[str, Tensor], model: torch.nn.Module) -> None:
    """Refuses to go on with another network than the one that tensors belong to; parameters may have been frozen.

    Raises:
        ValueError: If names or shapes differ; all that do are listed.
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
