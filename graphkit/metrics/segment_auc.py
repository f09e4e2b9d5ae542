"""The area under the ROC curve, for many small problems at once."""

import torch
from torch import Tensor


def segment_auc(scores: Tensor, labels: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    r"""Returns the area under the ROC curve of every segment.

    The area is the probability that a positive item scores above a negative one of its segment, where a tie counts
    one half. It comes from ranks: with the items of a segment in the order of their scores, and :math:`p_g, n_g` the
    positives and negatives that share the :math:`g`-th score,

    .. math::
        \mathrm{AUC} = \frac{\sum_g p_g \left( \sum_{g' < g} n_{g'} + n_g / 2 \right)}{\sum_g p_g \sum_g n_g}

    Args:
        scores: One score per item.
        labels: Which items are positive, bool.
        segment: The segment each item belongs to, in any order.
        num_segments: Number of segments ``S``.

    Shapes:
        - **input:** ``scores``, ``labels`` and ``segment`` ``[N]``.
        - **output:** ``[S]`` float64; NaN where a segment lacks positives or negatives, or has a NaN score.
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
    """Returns how many flags are set at every value of ``index``, as float64."""
    return _sum(flags.double(), index, size)


def _sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Returns the sums of ``values`` at every value of ``index``."""
    return values.new_zeros(size).index_add_(0, index, values)
