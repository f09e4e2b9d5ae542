"""Macro-F1: mean F1 score over classes."""

from torch import Tensor

from graphkit.metrics._checks import check_classes
from graphkit.metrics.class_scores import class_scores
from graphkit.metrics.confusion_counts import logits_confusion


def macro_f1(logits: Tensor, y: Tensor) -> float:
    r"""Computes the macro-F1: the mean over classes of their F1.

    .. math::
        \mathrm{F1}_c = \frac{2TP_c}{2TP_c + FP_c + FN_c}

    Classes that have no items and are not predicted are left out, as in scikit-learn.

    Args:
        logits (Tensor): ``[B, C]``, outputs.
        y (Tensor): ``[B]`` int64, true classes.

    Returns:
        A value between 0 and 1. A row with a NaN, or with an infinite output at its true class, counts as an error
        without a predicted class.

    Raises:
        InputError: If the shapes do not match, there is no item, or a class is out of range.

    Example:
        >>> import torch
        >>> macro_f1(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1]))
        1.0
    """
    check_classes(logits, y)
    return float(class_scores(*logits_confusion(logits, y)).f1.nanmean())
