"""Mean absolute error."""

from torch import Tensor

from graphkit.metrics._checks import numbers


def mae(prediction: Tensor, y: Tensor) -> float:
    r"""Computes the mean absolute error, the mean of :math:`|\hat{y} - y|`.

    Args:
        prediction (Tensor): Predicted values.
        y (Tensor): True values; ``[B]`` and ``[B, 1]`` are equivalent. NaN marks a missing value.

    Returns:
        The mean over all values in the units of ``y``; NaN if there is no value or a prediction is NaN.

    Raises:
        InputError: If the numbers of values differ or are zero.

    Example:
        >>> import torch
        >>> mae(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]))
        0.5
    """
    prediction, y = numbers(prediction, y)
    return float((prediction - y)[~y.isnan()].abs().mean())
