"""The training loop and the evaluation, for every model and task."""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.nn import GraphModel
from graphkit.tasks import Task
from graphkit.train.batches import select
from graphkit.train.precision import Precision
from graphkit.train.teaching import Teaching

Pairs = Iterable[tuple[Data, Tensor | None]]


def train_epoch(
    model: GraphModel,
    task: Task,
    batches: Pairs,
    optimizer: torch.optim.Optimizer,
    clip: float | None = None,
    precision: Precision | None = None,
    teaching: Teaching | None = None,
) -> float:
    """Goes through the training data once.

    Args:
        model: The model.
        task: Its loss.
        batches: The training data.
        optimizer: What takes the steps.
        clip: Largest norm of the gradient; ``None`` for no limit.
        precision: With which numbers to compute, and how many batches make a step; float32 and one by default.
        teaching: The losses of a student against its teacher, if it has one.

    Returns:
        The mean training loss, the penalties of the model and the losses against a teacher included.

    Raises:
        ValueError: If the loss is not finite: training cannot go on.
    """
    model.train()
    precision = precision or Precision()
    total, weight = 0.0, 0
    optimizer.zero_grad(set_to_none=True)
    for data, ids in batches:
        inputs = model.inputs(data)
        with precision.mixed(), nullcontext({}) if teaching is None else teaching.listen() as heard:
            if model.has_penalty:
                output, penalty = model(**inputs, return_penalty=True)
            else:
                output, penalty = model(**inputs), 0.0
            if teaching is not None:
                penalty = penalty + teaching.loss(heard, inputs, data)
        output, y = select(output.float() if precision.dtype else output, data.y, ids)
        loss = task.loss(output, y) + penalty
        if precision.backward(loss):
            precision.step(model, optimizer, clip)
        terms = task.weight(y)
        total += float(loss.detach()) * terms
        weight += terms
    precision.step(model, optimizer, clip)  # what is left over where batches do not divide evenly
    mean = total / max(weight, 1)
    if mean != mean or mean in (float("inf"), float("-inf")):
        raise ValueError(f"the training loss is not finite (got {mean}); lower `train.lr` or look for huge features")
    return mean


@torch.no_grad()
def collect(model: GraphModel, batches: Pairs) -> tuple[Tensor, Tensor]:
    """Returns the outputs and the targets of all items, in evaluation mode."""
    model.eval()
    pairs = [select(model(**model.inputs(data)), data.y, ids) for data, ids in batches]
    return torch.cat([output for output, _ in pairs]), torch.cat([y for _, y in pairs])


@torch.no_grad()
def evaluate(model: GraphModel, task: Task, batches: Pairs) -> tuple[float, float]:
    """Returns the mean loss and the score over all items, in evaluation mode."""
    output, y = collect(model, batches)
    return float(task.loss(output, y)), task.score(output, y)
