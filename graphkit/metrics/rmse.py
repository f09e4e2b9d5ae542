"""Root mean squared error."""

from torch import Tensor

from graphkit.metrics._checks import numbers


def rmse(prediction: Tensor, y: Tensor) -> float:
    r"""Computes the root mean squared error, averaged over targets.

    .. math::
        \frac{1}{C} \sum_{c=1}^{C} \sqrt{\frac{1}{|K_c|} \sum_{i \in K_c} (\hat{y}_{ic} - y_{ic})^2}

    where :math:`K_c` are the items with a value of target :math:`c`, and :math:`C` counts the targets with such items.

    Args:
        prediction (Tensor): ``[B, C]``, predicted values; a single target may be given as ``[B]``.
        y (Tensor): ``[B, C]`` or ``[B]``, true values; NaN marks a missing value.

    Returns:
        The mean in the units of ``y``; NaN if there is no value or a prediction is NaN.

    Raises:
        InputError: If the numbers of values differ or are zero.

    Example:
        >>> import torch
        >>> rmse(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0])) == 12.5**0.5
        True
    """
    prediction, y = numbers(prediction, y)
    mask = y.isnan()
    squares = (prediction - y).masked_fill(mask, 0.0).square().sum(dim=0)
    counts = (~mask).sum(dim=0)
    return float((squares / counts)[counts > 0].sqrt().mean())
