"""Balanced accuracy: mean recall over classes."""

import torch
from torch import Tensor

from graphkit.metrics._checks import check_classes, scorable


def balanced_accuracy(logits: Tensor, y: Tensor) -> float:
    r"""Computes the balanced accuracy: the mean recall over the classes in ``y``.

    .. math::
        \frac{1}{|\{c : V_c > 0\}|} \sum_{c : V_c > 0} \frac{|\{i : y_i = c,\ \hat{y}_i = c\}|}{V_c}

    Args:
        logits (Tensor): ``[B, C]``, outputs.
        y (Tensor): ``[B]`` int64, true classes.

    Returns:
        A value between 0 and 1. A row with a NaN, or with an infinite output at its true class, counts as an error.

    Raises:
        InputError: If the shapes do not match, there is no item, or a class is out of range.

    Differences:
        A class that is never predicted has recall 0. The code released with FactorGCN excludes such classes, so that a
        constant prediction would score 1.

    Example:
        >>> import torch
        >>> balanced_accuracy(torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 0, 1]))
        0.5
    """
    check_classes(logits, y)
    hit = (logits.argmax(dim=1) == y) & scorable(logits, y)
    total = torch.bincount(y, minlength=logits.size(1)).double()
    correct = torch.bincount(y[hit], minlength=logits.size(1)).double()
    present = total > 0
    return float((correct[present] / total[present]).mean())
