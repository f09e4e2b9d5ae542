"""Average precision of a ranking."""

import torch
from torch import Tensor

from graphkit.errors import InputError


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
