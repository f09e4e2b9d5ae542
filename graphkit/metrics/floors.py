"""Scores of trivial predictions of a regression: training mean and last value."""

import math

import torch
from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.data.loading import item_targets
from graphkit.metrics.mae import mae
from graphkit.metrics.r2 import r2
from graphkit.metrics.rmse import rmse

#: Metrics of a regression by name.
REGRESSION_METRICS = {"mae": mae, "rmse": rmse, "r2": r2}


def regression_floors(dataset: GraphDataset, split: Split) -> dict[str, dict[str, float | None]]:
    """Computes the scores of trivial predictions on the test items of a regression.

    ``"mean"`` predicts the mean of each target over the training items. ``"last-value"`` predicts the latest earlier
    target, for graphs with an integer ``time`` and, if nodes have targets, with the same number of nodes.

    Args:
        dataset (GraphDataset): Data set.
        split (Split): Split of the training run.

    Returns:
        MAE, RMSE and R2 of each prediction, ``None`` if undefined; empty for other tasks and without test items.

    Example:
        >>> from graphkit.data import load
        >>> data = load("karate")
        >>> regression_floors(data, data.splits[0])
        {}
    """
    predictions, y = floor_predictions(dataset, split)
    return {name: _scores(prediction, y) for name, prediction in predictions.items()}


def floor_predictions(dataset: GraphDataset, split: Split) -> tuple[dict[str, Tensor], Tensor]:
    """Returns the predictions of :func:`regression_floors` by name, and the targets.

    Args:
        dataset (GraphDataset): Data set.
        split (Split): Split of the training run.

    Returns:
        Predictions and targets ``[B, C]`` of the test items in float64; no predictions for other tasks and without test
        items.
    """
    if not dataset.task.endswith("regression") or not split.test.numel():
        return {}, torch.zeros(0, dataset.num_outputs, dtype=torch.double)
    train, y = (item_targets(dataset, ids).view(-1, dataset.num_outputs).double() for ids in (split.train, split.test))
    mean = train.nanmean(dim=0).nan_to_num().expand_as(y)
    predictions = {"mean": mean}
    last = last_values(dataset, split.test)
    if last is not None:
        predictions["last-value"] = torch.where(last.isnan(), mean, last)
    return predictions, y


def last_values(dataset: GraphDataset, ids: Tensor, steps: int = 1) -> Tensor | None:
    """Returns the latest earlier targets of some items ``[B, C]``, NaN without one.

    Args:
        dataset (GraphDataset): Data set of graphs.
        ids (Tensor): Items.
        steps (int, optional): Least difference of times. (default: ``1``)

    Returns:
        The targets; ``None`` if the graphs have no integer ``time``, or nodes cannot be compared between graphs.
    """
    graphs = dataset.collection
    time = graphs.graph.get("time") if graphs is not None else None
    if graphs is None or not isinstance(time, Tensor) or time.is_floating_point() or time.numel() != len(graphs):
        return None
    if dataset.level == "node" and int(graphs.num_nodes.min()) != int(graphs.num_nodes.max()):
        return None
    time = time.view(-1)
    order = time.argsort(stable=True)
    y = dataset.targets().double().view(len(graphs), -1)[order]
    rows = torch.arange(len(graphs)).unsqueeze(1).masked_fill(y.isnan(), -1).cummax(dim=0).values  # latest known
    before = torch.searchsorted(time[order], time[ids] - steps, right=True) - 1
    latest = rows[before.clamp(min=0)].masked_fill((before < 0).unsqueeze(1), -1)
    values = y.gather(0, latest.clamp(min=0)).masked_fill(latest < 0, math.nan)
    return values.view(-1, dataset.num_outputs)


def _scores(prediction: Tensor, y: Tensor) -> dict[str, float | None]:
    """Returns the scores of a prediction by metric, ``None`` if undefined."""
    scores = {name: metric(prediction, y) for name, metric in REGRESSION_METRICS.items()}
    return {name: score if math.isfinite(score) else None for name, score in scores.items()}
