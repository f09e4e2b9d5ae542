"""Errors of each target of a regression, with missing values."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.metrics._checks import numbers
from graphkit.metrics.mae import mae
from graphkit.metrics.r2 import r2
from graphkit.metrics.rmse import rmse


class TargetScores(NamedTuple):
    """Errors of each target, NaN for a target without values.

    * **mae** ``[C]`` float64: mean absolute error.
    * **rmse** ``[C]`` float64: root mean squared error.
    * **r2** ``[C]`` float64: coefficient of determination; NaN for a target without two different values.
    * **items** ``[C]`` int64: number of items with a value.
    """

    mae: Tensor
    rmse: Tensor
    r2: Tensor
    items: Tensor


def target_scores(prediction: Tensor, y: Tensor) -> TargetScores:
    """Computes MAE, RMSE and R2 of each target.

    The means of RMSE and R2 are :func:`rmse` and :func:`r2`. The :func:`mae` of all targets is the mean over values.

    Args:
        prediction (Tensor): ``[B, C]``, predicted values; a single target may be given as ``[B]``.
        y (Tensor): ``[B, C]`` or ``[B]``, true values; NaN marks a missing value.

    Raises:
        InputError: If the numbers of values differ or are zero.

    Example:
        >>> import torch
        >>> y = torch.tensor([[1.0, 5.0], [3.0, float("nan")]])
        >>> scores = target_scores(torch.tensor([[1.0, 7.0], [2.0, 0.0]]), y)
        >>> scores.mae.tolist(), scores.r2.tolist(), scores.items.tolist()
        ([0.5, 2.0], [0.5, nan], [2, 1])
    """
    prediction, y = numbers(prediction, y)
    absolute, squared, explained = (
        torch.tensor([metric(x, t) for x, t in zip(prediction.t(), y.t(), strict=True)], dtype=torch.double)
        for metric in (mae, rmse, r2)
    )
    return TargetScores(absolute, squared, explained, (~y.isnan()).sum(dim=0))
