"""Average precision of a ranking, and its mean over tasks with missing labels."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics._checks import columns


def average_precision(scores: Tensor, labels: Tensor) -> float:
    r"""Computes the average precision, the mean precision over the recall.

    With precision :math:`P_n` and recall :math:`R_n` at the :math:`n`-th largest distinct score, it is
    :math:`\sum_n (R_n - R_{n-1}) P_n`, as in scikit-learn.

    Args:
        scores (Tensor): ``[N]``, scores.
        labels (Tensor): ``[N]`` bool, ``True`` for positive items.

    Returns:
        A number between 0 and 1; NaN without positive items or with a NaN score.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> import torch
        >>> scores, labels = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([True, False, True])
        >>> round(average_precision(scores, labels), 4)
        0.8333
    """
    if scores.shape != labels.shape or scores.dim() != 1:
        raise InputError(
            f"expected `scores` and `labels` of one shape [N], got {list(scores.shape)} and {list(labels.shape)}; "
            "flatten them"
        )
    labels = labels.bool()
    if not bool(labels.any()) or bool(scores.isnan().any()):
        return float("nan")
    order = scores.argsort(descending=True, stable=True)
    scores, hits = scores[order], labels[order].double().cumsum(0)
    last = torch.ones_like(labels)
    last[:-1] = scores[1:] != scores[:-1]  # the last item of each distinct score
    ranks = torch.arange(1, scores.numel() + 1, dtype=torch.double, device=scores.device)[last]
    hits = hits[last]
    return float(((hits / ranks) * hits.diff(prepend=hits.new_zeros(1))).sum() / hits[-1])


def mean_average_precision(logits: Tensor, y: Tensor) -> float:
    """Computes the mean average precision over the tasks with both classes.

    This is the metric of the Open Graph Benchmark for data sets with few positive labels.

    Args:
        logits (Tensor): ``[B, T]``, outputs or other scores; a single task may be given as ``[B]``.
        y (Tensor): ``[B, T]``, labels 0 or 1; NaN marks a missing label.

    Returns:
        The mean, between 0 and 1; NaN if no task has both classes or a labeled output is NaN.

    Raises:
        InputError: If the shapes do not match, there is no item, or a label is not 0, 1 or NaN.

    Example:
        >>> import torch
        >>> y = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, float("nan")]])
        >>> mean_average_precision(torch.tensor([[0.9, 0.1], [0.5, 0.2], [0.7, 0.3]]), y)
        1.0
    """
    logits, y = columns(logits, y)
    both = (y == 0).any(dim=0) & (y == 1).any(dim=0)
    masks = [(task, ~y[:, task].isnan()) for task in range(y.size(1))]
    if any(bool(logits[mask, task].isnan().any()) for task, mask in masks):
        return float("nan")
    scores = [average_precision(logits[mask, task], y[mask, task] == 1) for task, mask in masks if both[task]]
    return sum(scores) / len(scores) if scores else float("nan")
