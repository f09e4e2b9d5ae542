"""Top-k accuracy."""

from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_classes, scorable


def topk_accuracy(logits: Tensor, y: Tensor, k: int = 1) -> float:
    """Computes the fraction of rows with the true class among the ``k`` best outputs.

    Ties are broken by class index, so that the result is deterministic on all devices.

    Args:
        logits (Tensor): ``[B, C]``, outputs.
        y (Tensor): ``[B]`` int64, true classes.
        k (int, optional): Number of predictions per item. (default: ``1``)

    Returns:
        A value between 0 and 1. A row with a NaN, or with an infinite output at its true class, counts as an error.

    Raises:
        InputError: If the shapes do not match, there is no item, a class is out of range, or ``k`` is not in 1..C.

    Example:
        >>> import torch
        >>> topk_accuracy(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([1]), k=2)
        1.0
    """
    check_classes(logits, y)
    if not 1 <= k <= logits.size(1):
        raise InputError(f"`k` must be between 1 and the number of classes {logits.size(1)} (got {k})")
    guesses = logits.argsort(dim=1, descending=True, stable=True)[:, :k]
    hit = (guesses == y.unsqueeze(1)).any(dim=1) & scorable(logits, y)
    return float(hit.double().mean())
