"""Mean absolute error."""

from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_not_empty


def mae(prediction: Tensor, y: Tensor) -> float:
    r"""Computes the mean absolute error, the mean of :math:`|\hat{y} - y|`.

    Args:
        prediction (Tensor): Predicted values.
        y (Tensor): True values; ``[B]`` and ``[B, 1]`` are equivalent.

    Returns:
        The mean in the units of ``y``; NaN or infinite if a prediction is.

    Raises:
        InputError: If the numbers of values differ or are zero.

    Example:
        >>> import torch
        >>> mae(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]))
        0.5
    """
    if prediction.numel() != y.numel() or prediction.shape[:1] != y.shape[:1]:
        raise InputError(f"`prediction` and `y` must have one shape (got {tuple(prediction.shape)}, {tuple(y.shape)})")
    check_not_empty(y)
    return float((prediction.double() - y.reshape(prediction.shape).double()).abs().mean())
