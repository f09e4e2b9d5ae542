"""Micro-F1: one F1 score over all item-label pairs."""

from torch import Tensor

from graphkit.metrics._checks import broken, columns


def micro_f1(logits: Tensor, y: Tensor, threshold: float = 0.0) -> float:
    r"""Returns :math:`2TP / (2TP + FP + FN)` counted over all pairs of an item and a label, between 0 and 1.

    A label is predicted where its logit exceeds ``threshold``. The score is 0 where there is nothing to find and
    nothing was found.

    Args:
        logits: Outputs, one column per label; a single label may come as ``[B]``.
        y: Labels 0 or 1; NaN marks a missing label, which counts nowhere.
        threshold: Smallest logit that is still a "no".

    Shapes:
        - **input:** ``logits`` and ``y`` ``[B, T]``.

    Notes:
        A logit that is NaN or plus infinity counts as an error, whatever the label is.

    Raises:
        ValueError: If the shapes do not fit, there is no item, or a label is not 0, 1 or NaN.
    """
    logits, y = columns(logits, y)
    guess, wrong = logits > threshold, broken(logits)
    hits = int((guess & (y == 1) & ~wrong).sum())
    errors = int(((guess | wrong) & (y == 0)).sum()) + int(((~guess | wrong) & (y == 1)).sum())
    return 2 * hits / (2 * hits + errors) if hits else 0.0
