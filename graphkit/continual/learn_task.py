"""The loop over the epochs of one task."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import torch

from graphkit.continual import Strategy, StreamTask, share_trunk_outputs
from graphkit.continual.settings import LearnSettings
from graphkit.errors import InputError
from graphkit.training.early_stopping import EarlyStopping


def learn_task(
    model: torch.nn.Module,
    tasks: Sequence[StreamTask],
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    settings: LearnSettings,
    generator: torch.Generator,
    report: Callable[[dict[str, Any]], None],
) -> int:
    """Learns one task, or several together, between the strategy's ``before_task`` and ``after_task``.

    Args:
        model: The model; has the weights of the chosen epoch afterwards.
        tasks: The task; where there are several, the strategy adds the loss of all but the last.
        strategy: What is done against forgetting.
        optimizer: The optimizer.
        settings: How to learn.
        generator: Where the order of batches is drawn from.
        report: Called with the row of every epoch.

    Returns:
        The chosen epoch.

    Raises:
        ValueError: If the loss is not finite.
    """
    task = tasks[-1]
    selection = EarlyStopping(task.stream.task, "loss" if settings.select == "loss" else "score", settings.patience)
    epoch = 0
    for epoch in range(1, settings.epochs + 1):
        loss = train_epoch(model, task, strategy, optimizer, generator)
        row: dict[str, Any] = {"epoch": epoch, "loss": loss, "validation": None}
        if settings.select != "last" and (epoch % settings.check == 0 or epoch == settings.epochs):
            with share_trunk_outputs():
                results = [validate(model, current) for current in tasks]
            row["validation"] = fmean(score for score, _ in results)
            selection.update(epoch, fmean(held_out for _, held_out in results), row["validation"], model)
        report(row)
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
) -> float:
    """Goes through the training items of a task once; returns the mean loss with all penalties.

    Raises:
        ValueError: If it is not finite.
    """
    model.train()
    total, steps = 0.0, 0
    for batch in task.batches("train", generator):
        optimizer.zero_grad(set_to_none=True)
        with share_trunk_outputs():
            loss = task.training_loss(model, batch) + strategy.penalty(model, batch)
        loss.backward()
        strategy.after_backward(model)
        optimizer.step()
        total, steps = total + float(loss.detach()), steps + 1
    mean = total / max(steps, 1)
    if mean != mean or mean in (float("inf"), float("-inf")):
        raise InputError(f"the training loss is not finite (got {mean}); lower `train.lr` or the strategy's strength")
    return mean


@torch.no_grad()
def validate(model: torch.nn.Module, task: StreamTask) -> tuple[float, float]:
    """Returns the score and the loss of a task's validation items."""
    model.eval()
    output, target = task.outputs_and_targets(model, "val")
    return task.stream.task.score(output, target), float(task.loss(output, target))
