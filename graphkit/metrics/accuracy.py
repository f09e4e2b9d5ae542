"""Accuracy."""

from torch import Tensor

from graphkit.metrics._checks import check_classes, scorable


def accuracy(logits: Tensor, y: Tensor) -> float:
    """Computes the accuracy: the fraction of rows whose argmax is the true class.

    Args:
        logits (Tensor): ``[B, C]``, outputs.
        y (Tensor): ``[B]`` int64, true classes.

    Returns:
        A value between 0 and 1. A row with a NaN, or with an infinite output at its true class, counts as an error.

    Raises:
        InputError: If the shapes do not match, there is no item, or a class is out of range.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
        0.5
    """
    check_classes(logits, y)
    hit = (logits.argmax(dim=1) == y) & scorable(logits, y)
    return float(hit.double().mean())
