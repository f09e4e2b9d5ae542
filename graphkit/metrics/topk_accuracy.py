"""Top-k accuracy: the share of items whose class is among the k most probable ones."""

from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import check_classes, scorable


def topk_accuracy(logits: Tensor, y: Tensor, k: int = 1) -> float:
    r"""Returns the fraction of rows whose true class has one of the ``k`` largest outputs, between 0 and 1.

    Equal outputs are ranked by class index, so the score never depends on how a device breaks ties.

    Args:
        logits: Outputs, one column per class.
        y: True classes, int64.
        k: Number of guesses per item.

    Shapes:
        - **input:** ``logits`` ``[B, C]``, ``y`` ``[B]``.

    Notes:
        A row with a NaN, or with an infinite output at its true class, is never a hit.

    Raises:
        ValueError: If the shapes do not fit, there is no item, a class is out of range, or ``k`` is not in 1..C.
    """
    check_classes(logits, y)
    if not 1 <= k <= logits.size(1):
        raise InputError(f"`k` must be between 1 and the number of classes {logits.size(1)} (got {k})")
    guesses = logits.argsort(dim=1, descending=True, stable=True)[:, :k]
    hit = (guesses == y.unsqueeze(1)).any(dim=1) & scorable(logits, y)
    return float(hit.double().mean())
