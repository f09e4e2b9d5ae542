"""Confusion matrix."""

import torch
from torch import Tensor

from graphkit.metrics._checks import scorable


def confusion_counts(prediction: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Computes the confusion matrix ``[C, C]`` int64, with true classes in rows.

    Args:
        prediction (Tensor): ``[B]`` int64, predicted classes.
        y (Tensor): ``[B]`` int64, true classes.
        num_classes (int): Number of classes C.

    Example:
        >>> import torch
        >>> confusion_counts(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    return torch.bincount(y * num_classes + prediction, minlength=num_classes**2).view(num_classes, num_classes)


def logits_confusion(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the confusion matrix of outputs and the numbers of items ``[C]``.

    Rows with a NaN, or with an infinite output at their true class, have no predicted class; only the second counts
    them.
    """
    num_classes, keep = logits.size(1), scorable(logits, y)
    confusion = confusion_counts(logits.argmax(dim=1)[keep], y[keep], num_classes)
    return confusion, torch.bincount(y, minlength=num_classes)
