"""Scores of each label of a multi-label task, with missing labels."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.metrics._checks import columns
from graphkit.metrics.average_precision import average_precision
from graphkit.metrics.micro_f1 import micro_f1
from graphkit.metrics.segment_auc import segment_auc


class LabelScores(NamedTuple):
    """Scores of each label, NaN for a label with one class only.

    * **roc_auc** ``[T]`` float64: area under the ROC curve. Its chance level is 1/2.
    * **average_precision** ``[T]`` float64: average precision. Its chance level is the share of positive items.
    * **f1** ``[T]`` float64: :math:`2TP / (2TP + FP + FN)`. With the share :math:`p` of positive items, predicting the
      label for all items gives :math:`2p / (1 + p)`.
    * **items** ``[T]`` int64: number of labeled items.
    * **positives** ``[T]`` int64: number of positive items.
    """

    roc_auc: Tensor
    average_precision: Tensor
    f1: Tensor
    items: Tensor
    positives: Tensor

    @property
    def has_both(self) -> Tensor:
        """Mask ``[T]`` of the labels with positive and negative items."""
        return (self.positives > 0) & (self.positives < self.items)

    def floors(self) -> "LabelScores":
        """Returns the scores without information on the items, NaN for one class."""
        share = (self.positives.double() / self.items).masked_fill(~self.has_both, float("nan"))
        return LabelScores(share * 0 + 0.5, share, 2 * share / (1 + share), self.items, self.positives)


def label_scores(logits: Tensor, y: Tensor, threshold: float = 0.0) -> LabelScores:
    """Computes ROC-AUC, average precision and F1 of each label.

    The mean of the areas is :func:`roc_auc`, and that of the average precisions :func:`mean_average_precision`.

    Args:
        logits (Tensor): ``[B, T]``, outputs; a single label may be given as ``[B]``.
        y (Tensor): ``[B, T]``, labels 0 or 1; NaN marks a missing label.
        threshold (float, optional): A label is predicted if its logit is larger, for F1. (default: ``0.0``)

    Raises:
        InputError: If the shapes do not match, there is no item, or a label is not 0, 1 or NaN.

    Example:
        >>> import torch
        >>> y = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, float("nan")]])
        >>> scores = label_scores(torch.tensor([[0.9, 0.1], [0.5, 0.2], [-0.7, 0.3]]), y)
        >>> scores.roc_auc.tolist(), scores.f1.tolist()
        ([0.5, nan], [0.5, nan])
        >>> scores.items.tolist(), scores.positives.tolist()
        ([3, 2], [2, 0])
    """
    logits, y = columns(logits, y)
    mask, num_labels = ~y.isnan(), y.size(1)
    items, positives = mask.sum(dim=0), (y == 1).sum(dim=0)
    label = torch.arange(num_labels, device=y.device).expand_as(y)
    areas = segment_auc(logits[mask], y[mask] == 1, label[mask], num_labels)
    precision, f1 = torch.full_like(areas, float("nan")), torch.full_like(areas, float("nan"))
    for index in ((positives > 0) & (positives < items)).nonzero().flatten().tolist():
        known = mask[:, index]
        output, of_label = logits[known, index], y[known, index]
        precision[index] = average_precision(output, of_label == 1)
        f1[index] = micro_f1(output, of_label, threshold)
    return LabelScores(areas, precision, f1, items, positives)
