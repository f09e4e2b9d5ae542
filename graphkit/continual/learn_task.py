"""Training loop of one task."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import fmean

import torch
from torch import Tensor

from graphkit.continual import Strategy, StreamTask, share_trunk_outputs
from graphkit.continual.continual_config import TaskSettings
from graphkit.errors import InputError
from graphkit.training.early_stopping import EarlyStopping
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.loop import run_epoch, take_steps
from graphkit.training.optimizer import Schedule
from graphkit.training.progress import EpochRow


def learn_task(
    model: torch.nn.Module,
    tasks: Sequence[StreamTask],
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    settings: TaskSettings,
    generator: torch.Generator,
    report: Callable[[EpochRow], None],
) -> int:
    """Trains on one task, or on several together.

    The caller calls the hooks ``before_task`` and ``after_task`` of the strategy.

    Args:
        model: The model; it has the weights of the selected epoch afterwards.
        tasks: The task; if there are several, the strategy adds the losses of all but the last.
        strategy: The strategy.
        optimizer: The optimizer.
        settings: Settings of the training.
        generator: Generator of the order of batches.
        report: Called with the row of every epoch.

    Returns:
        The selected epoch.

    Raises:
        InputError: If the loss is not finite.
    """
    task = tasks[-1]
    by = "loss" if settings.select == "loss" else "score"
    selection = EarlyStopping(task.stream.task, by, settings.patience, settings.min_epochs)
    schedule = Schedule(optimizer, settings)
    train = partial(train_epoch, model, task, strategy, optimizer, generator, settings.clip)
    epoch = 0
    for epoch in range(1, settings.epochs + 1):
        is_due = settings.select != "last" and (epoch % settings.check == 0 or epoch == settings.epochs)
        result = run_epoch(
            model, train, partial(_validate_all, model, tasks) if is_due else None, selection, schedule, epoch
        )
        report(EpochRow(epoch=epoch, loss=result.loss, validation=result.validation))
        if selection.exhausted:
            break
    if selection.epoch is None:
        return epoch
    model.load_state_dict(selection.weights)
    return selection.epoch


def train_epoch(
    model: torch.nn.Module,
    task: StreamTask,
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    clip: float | None = None,
) -> float:
    """Trains for one epoch on a task and returns the mean loss with all penalties.

    Raises:
        InputError: If the loss is not finite.
    """

    def losses() -> Iterator[tuple[Tensor, float, float]]:
        for batch in task.batches("train", generator):
            with share_trunk_outputs():
                loss = task.training_loss(model, batch) + strategy.penalty(model, batch)
            yield loss, float(loss.detach()), 1.0

    total, steps = take_steps(model, losses(), GradientStepper(), optimizer, clip, strategy.after_backward)
    mean = total / max(steps, 1.0)
    if not math.isfinite(mean):
        raise InputError(f"the training loss is not finite (got {mean}); lower `train.lr` or the strategy's strength")
    return mean


def _validate_all(model: torch.nn.Module, tasks: Sequence[StreamTask]) -> tuple[float, float]:
    """Returns mean loss and mean score over the validation items of some tasks."""
    with share_trunk_outputs():
        results = [validate(model, task) for task in tasks]
    return fmean(loss for _, loss in results), fmean(score for score, _ in results)


@torch.no_grad()
def validate(model: torch.nn.Module, task: StreamTask) -> tuple[float, float]:
    """Returns the score and the loss on the validation items of a task."""
    model.eval()
    output, target = task.outputs_and_targets(model, "val")
    return task.stream.task.score(output, target), float(task.loss(output, target))
