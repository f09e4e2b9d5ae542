"""Coefficient of determination."""

import torch
from torch import Tensor

from graphkit.metrics._checks import numbers


def r2(prediction: Tensor, y: Tensor) -> float:
    r"""Computes the coefficient of determination, averaged over targets.

    .. math::
        \frac{1}{C} \sum_{c=1}^{C} \left( 1 - \frac{\sum_{i \in K_c} (\hat{y}_{ic} - y_{ic})^2}
        {\sum_{i \in K_c} (\bar{y}_c - y_{ic})^2} \right)

    where :math:`K_c` are the items with a value of target :math:`c`, :math:`\bar{y}_c` is the mean of these values, and
    :math:`C` counts the targets with two different values.

    Args:
        prediction (Tensor): ``[B, C]``, predicted values; a single target may be given as ``[B]``.
        y (Tensor): ``[B, C]`` or ``[B]``, true values; NaN marks a missing value.

    Returns:
        The mean, at most 1; NaN if no target has two different values or a prediction is NaN.

    Raises:
        InputError: If the numbers of values differ or are zero.

    Example:
        >>> import torch
        >>> r2(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 3.0]))
        0.5
    """
    prediction, y = numbers(prediction, y)
    mask = y.isnan()
    squares = (prediction - y).masked_fill(mask, 0.0).square().sum(dim=0)
    total = (y - y.nanmean(dim=0)).masked_fill(mask, 0.0).square().sum(dim=0)
    return float((1 - squares / total)[varying(y)].mean())


def varying(y: Tensor) -> Tensor:
    """Returns a mask ``[C]`` of the targets ``[B, C]`` with two different values."""
    mask = y.isnan()
    return y.masked_fill(mask, -torch.inf).amax(dim=0) > y.masked_fill(mask, torch.inf).amin(dim=0)
