"""Area under the ROC curve per segment."""

import torch
from torch import Tensor


def segment_auc(scores: Tensor, labels: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    r"""Computes the area under the ROC curve of every segment.

    The area is the probability that a positive item has a larger score than a negative item of its segment, with 1/2
    for ties. With :math:`p_g, n_g` the numbers of positives and negatives at the :math:`g`-th smallest score,

    .. math::
        \mathrm{AUC} = \frac{\sum_g p_g \left( \sum_{g' < g} n_{g'} + n_g / 2 \right)}{\sum_g p_g \sum_g n_g}

    Args:
        scores (Tensor): ``[N]``, scores.
        labels (Tensor): ``[N]`` bool, ``True`` for positive items.
        segment (Tensor): ``[N]``, segment of each item, in any order.
        num_segments (int): Number of segments ``S``.

    Returns:
        Areas ``[S]`` in float64; NaN for a segment without positives or negatives, or with a NaN score.

    Example:
        >>> import torch
        >>> scores, labels = torch.tensor([0.1, 0.9, 0.5, 0.5]), torch.tensor([False, True, True, False])
        >>> segment_auc(scores, labels, torch.tensor([0, 0, 1, 1]), 2)
        tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    order = scores.argsort(stable=True)
    order = order[segment[order].argsort(stable=True)]
    scores, labels, segment = scores[order], labels[order], segment[order]

    starts = torch.ones_like(labels, dtype=torch.bool)
    starts[1:] = (scores[1:] != scores[:-1]) | (segment[1:] != segment[:-1])
    group = starts.cumsum(0) - 1  # items of one score and one segment
    owner = segment[starts]
    positives = _count(labels, group, owner.numel())
    negatives = _count(~labels, group, owner.numel())

    all_positives = _sum(positives, owner, num_segments)
    all_negatives = _sum(negatives, owner, num_segments)
    before_segment = all_negatives.cumsum(0) - all_negatives
    below = negatives.cumsum(0) - negatives - before_segment[owner]
    wins = _sum(positives * (below + negatives / 2), owner, num_segments)
    broken = _count(scores.isnan(), segment, num_segments) > 0
    return (wins / (all_positives * all_negatives)).masked_fill(broken, float("nan"))


def _count(flags: Tensor, index: Tensor, size: int) -> Tensor:
    """Returns the number of set flags per segment, in float64."""
    return _sum(flags.double(), index, size)


def _sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Returns the sum of ``values`` per segment."""
    return values.new_zeros(size).index_add_(0, index, values)
