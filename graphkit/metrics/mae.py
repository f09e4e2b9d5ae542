"""Mean absolute error."""

from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_not_empty


def mae(prediction: Tensor, y: Tensor) -> float:
    r"""Returns the mean of :math:`|\hat{y} - y|`, in the units of ``y``.

    Args:
        prediction: Predicted values.
        y: True values; ``[B]`` and ``[B, 1]`` are taken for the same.

    Returns:
        The mean; NaN or infinite if a prediction is.

    Raises:
        ValueError: If the two hold a different number of values, or none.
    """
    if prediction.numel() != y.numel() or prediction.shape[:1] != y.shape[:1]:
        raise InputError(f"`prediction` and `y` must have one shape (got {tuple(prediction.shape)}, {tuple(y.shape)})")
    check_not_empty(y)
    return float((prediction.double() - y.reshape(prediction.shape).double()).abs().mean())
