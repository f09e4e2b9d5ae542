"""Micro-F1: F1 score over all item-label pairs."""

from torch import Tensor

from graphkit.metrics._checks import broken, columns


def micro_f1(logits: Tensor, y: Tensor, threshold: float = 0.0) -> float:
    """Computes the micro-F1, :math:`2TP / (2TP + FP + FN)` over all item-label pairs.

    Args:
        logits (Tensor): ``[B, T]``, outputs; a single label may be given as ``[B]``.
        y (Tensor): ``[B, T]``, labels 0 or 1; NaN marks a missing label, which is ignored.
        threshold (float, optional): A label is predicted if its logit is larger. (default: ``0.0``)

    Returns:
        A value between 0 and 1; 0 without positive labels and predictions. A NaN or plus infinite logit counts as an
        error.

    Raises:
        InputError: If the shapes do not match, there is no item, or a label is not 0, 1 or NaN.

    Example:
        >>> import torch
        >>> micro_f1(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        0.8
    """
    logits, y = columns(logits, y)
    guess, wrong = logits > threshold, broken(logits)
    hits = int((guess & (y == 1) & ~wrong).sum())
    errors = int(((guess | wrong) & (y == 0)).sum()) + int(((~guess | wrong) & (y == 1)).sum())
    return 2 * hits / (2 * hits + errors) if hits else 0.0
