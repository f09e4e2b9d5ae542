"""Training loop and evaluation."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset, Split
from graphkit.data.loading import item_targets
from graphkit.distributed.communicator import Communicator
from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.tasks import Task
from graphkit.training.batches import select
from graphkit.training.early_stopping import EarlyStopping
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.loss import TrainingLoss
from graphkit.training.optimizer import Schedule

Pairs = Iterable[tuple[Data, Tensor | None]]


class EpochResult(NamedTuple):
    """Result of one epoch.

    Args:
        loss: Training loss.
        validation_loss: Validation loss; ``None`` without a validation.
        validation: Validation score; ``None`` without a validation, or if undefined.
        lr: Learning rate of the epoch.
    """

    loss: float
    validation_loss: float | None
    validation: float | None
    lr: float


def run_epoch(
    model: torch.nn.Module,
    train: Callable[[], float],
    validate: Callable[[], tuple[float, float | None]] | None,
    selection: EarlyStopping | None,
    schedule: Schedule,
    epoch: int,
) -> EpochResult:
    """Runs one epoch: training, validation, selection of the best, learning rate.

    Args:
        model: The model, whose weights the selection keeps.
        train: Trains for one epoch; returns the training loss.
        validate: Returns validation loss and score; ``None`` for an epoch without a validation.
        selection: Selection of the best epoch; ``None`` if the validation must not decide anything.
        schedule: Schedule of the learning rate. It uses the validation loss where there is a selection and a
            validation, and the training loss otherwise.
        epoch: Number of the epoch, from 1.
    """
    lr, loss = schedule.lr, train()
    validation_loss, validation = validate() if validate is not None else (None, None)
    if selection is not None and validation_loss is not None:
        selection.update(epoch, validation_loss, validation, model)
        schedule.step(validation_loss)
    else:
        schedule.step(loss)
    return EpochResult(loss, validation_loss, validation, lr)


def train_epoch(
    objective: torch.nn.Module, batches: Pairs, optimizer: torch.optim.Optimizer, clip: float | None = None
) -> float:
    """Trains for one epoch.

    Args:
        objective: The :class:`~graphkit.training.loss.TrainingLoss`, or the result of
            :func:`~graphkit.training.loss.parallel`.
        batches: Batches of the training data.
        optimizer: The optimizer.
        clip: Maximum norm of the gradient; ``None`` for no limit.

    Returns:
        Mean training loss, with the penalties of the model and the extra losses.

    Raises:
        InputError: If the loss is not finite.
    """
    inner = cast(TrainingLoss, getattr(objective, "module", objective))
    losses = (objective(data, ids) for data, ids in batches)
    total, weight = take_steps(inner.model, losses, inner.precision, optimizer, clip)
    (total,) = inner.communicator.all_reduce(total)
    mean = total / max(weight, 1.0)
    if not math.isfinite(mean):
        raise InputError(
            f"the training loss is not finite (got {mean}); lower `train.lr` or check the range of the features"
        )
    return mean


def take_steps(
    model: torch.nn.Module,
    losses: Iterable[tuple[Tensor, float, float]],
    stepper: GradientStepper,
    optimizer: torch.optim.Optimizer,
    clip: float | None = None,
    after_backward: Callable[[torch.nn.Module], object] | None = None,
) -> tuple[float, float]:
    """Takes optimizer steps along the gradients of a sequence of losses.

    Args:
        model: The model, which is set to training mode.
        losses: For each batch, the loss to differentiate, its summand in the loss of the epoch, and the number of its
            terms.
        stepper: Mixed precision and accumulation of gradients.
        optimizer: The optimizer.
        clip: Maximum norm of the gradient; ``None`` for no limit.
        after_backward: Called with the model after each backward pass; it may change gradients.

    Returns:
        Sum of the summands and number of terms.
    """
    model.train()
    total, weight = 0.0, 0.0
    optimizer.zero_grad(set_to_none=True)
    for loss, share, terms in losses:
        is_due = stepper.backward(loss)
        if after_backward is not None:
            after_backward(model)
        if is_due:
            stepper.step(model, optimizer, clip)
        total += share
        weight += terms
    stepper.step(model, optimizer, clip)  # a last, incomplete accumulation
    return total, weight


@torch.no_grad()
def collect(model: GraphModel, batches: Pairs) -> tuple[Tensor, Tensor]:
    """Returns the outputs and the targets of all items, in evaluation mode."""
    model.eval()
    pairs = [select(model(**model.inputs(data)), data.y, ids) for data, ids in batches]
    return torch.cat([output for output, _ in pairs]), torch.cat([y for _, y in pairs])


def collect_all(model: GraphModel, batches: Pairs, communicator: Communicator | None = None) -> tuple[Tensor, Tensor]:
    """Returns the outputs and the targets of all items of all ranks."""
    output, y = collect(model, batches)
    if communicator is not None:
        output, y = communicator.all_gather_rows(output), communicator.all_gather_rows(y)
    return output, y


@torch.no_grad()
def evaluate(
    model: GraphModel, task: Task, batches: Pairs, communicator: Communicator | None = None
) -> tuple[float, float | None]:
    """Returns the mean loss and the score over all items, in evaluation mode.

    An undefined score is ``None``.

    Args:
        model: The model.
        task: Task with the loss and the metric.
        batches: Batches of the items; with several processes, the slices of this rank.
        communicator: Communicator of the processes. The score is that of all items together, not a mean over ranks.
    """
    output, y = collect_all(model, batches, communicator)
    score = task.score(output, y)
    return float(task.loss(output, y)), score if math.isfinite(score) else None


def undefined_parts(task: Task, dataset: GraphDataset, split: Split) -> list[str]:
    """Returns the splits with items for which the score is undefined."""
    if task.metric not in ("roc-auc", "r2"):
        return []
    parts = (("validation", split.val), ("test", split.test))
    return [name for name, ids in parts if ids.numel() and not task.has_score(item_targets(dataset, ids))]
