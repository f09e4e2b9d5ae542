"""Precision, recall and F1 of each class."""

from typing import NamedTuple

from torch import Tensor


class ClassScores(NamedTuple):
    """Scores of each class, NaN where they are undefined.

    * **precision** ``[C]`` float64: share of the items predicted as the class that belong to it; NaN without any.
    * **recall** ``[C]`` float64: share of the items of the class that are predicted as it; NaN without any.
    * **f1** ``[C]`` float64: harmonic mean of both, :math:`2TP / (2TP + FP + FN)`; NaN for a class that has no items
      and is not predicted.
    * **support** ``[C]`` int64: number of items of the class.
    """

    precision: Tensor
    recall: Tensor
    f1: Tensor
    support: Tensor


def class_scores(confusion: Tensor, count: Tensor | None = None) -> ClassScores:
    """Computes precision, recall and F1 of each class from a confusion matrix.

    Args:
        confusion (Tensor): ``[C, C]`` int64, true classes in rows, see :func:`confusion_counts`.
        count (Tensor, optional): ``[C]`` int64, numbers of items, if items without a prediction are missing in
            ``confusion``. (default: the sums of the rows)

    Example:
        >>> import torch
        >>> scores = class_scores(torch.tensor([[3, 1, 0], [1, 1, 0], [0, 0, 0]]))
        >>> scores.precision.tolist(), scores.support.tolist()
        ([0.75, 0.5, nan], [4, 2, 0])
    """
    count = confusion.sum(dim=1) if count is None else count
    hits, predicted = confusion.diagonal().double(), confusion.sum(dim=0)
    return ClassScores(hits / predicted, hits / count, 2 * hits / (predicted + count), count)
