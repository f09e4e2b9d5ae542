"""Accuracy: the share of items whose most probable class is the right one."""

from torch import Tensor

from graphkit.metrics._checks import check_classes, scorable


def accuracy(logits: Tensor, y: Tensor) -> float:
    r"""Returns the fraction of rows whose largest output is at the true class, between 0 and 1.

    Args:
        logits: Outputs, one column per class.
        y: True classes, int64.

    Shapes:
        - **input:** ``logits`` ``[B, C]``, ``y`` ``[B]``.

    Notes:
        A row with a NaN, or with an infinite output at its true class, is never a hit.

    Raises:
        ValueError: If the shapes do not fit, there is no item, or a class is out of range.
    """
    check_classes(logits, y)
    hit = (logits.argmax(dim=1) == y) & scorable(logits, y)
    return float(hit.double().mean())
