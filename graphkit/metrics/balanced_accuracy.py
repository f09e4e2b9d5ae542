"""Balanced accuracy: every class counts the same, however rare it is."""

import torch
from torch import Tensor

from graphkit.metrics._checks import check_classes, scorable


def balanced_accuracy(logits: Tensor, y: Tensor) -> float:
    r"""Returns the mean recall over the classes present in ``y``, between 0 and 1.

    .. math::
        \frac{1}{|\{c : V_c > 0\}|} \sum_{c : V_c > 0} \frac{|\{i : y_i = c,\ \hat{y}_i = c\}|}{V_c}

    A class that is never predicted counts with recall 0. The code released with FactorGCN leaves such a class out of
    the denominator, which would report a model that always answers the same as perfect.

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
    total = torch.bincount(y, minlength=logits.size(1)).double()
    correct = torch.bincount(y[hit], minlength=logits.size(1)).double()
    present = total > 0
    return float((correct[present] / total[present]).mean())
