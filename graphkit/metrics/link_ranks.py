"""Ranks of true links among negative ones: mean reciprocal rank and Hits@k."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def link_ranks(scores: Tensor, labels: Tensor, group: Tensor | None = None) -> Tensor:
    """Computes the rank of each positive pair among the negative ones, from 1.

    A negative pair of the same score counts 1/2, so that equal scores have neither the best nor the worst rank.

    Args:
        scores (Tensor): ``[N]``, scores.
        labels (Tensor): ``[N]`` bool, ``True`` for positive pairs.
        group (Tensor, optional): ``[N]`` int64, group of each pair: a positive pair is ranked among the negative ones
            of its group, if there are any. (default: ``None``, a single group)

    Returns:
        Ranks ``[P]`` in float64, in the order of the pairs; NaN if a score of the ranked pairs is NaN.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> import torch
        >>> link_ranks(torch.tensor([0.5, 0.9, 0.5, 0.1]), torch.tensor([True, False, False, False]))
        tensor([2.5000], dtype=torch.float64)
    """
    group = torch.zeros_like(labels, dtype=torch.long) if group is None else group
    if scores.dim() != 1 or not scores.shape == labels.shape == group.shape:
        raise InputError(
            f"expected `scores`, `labels` and `group` of one shape [N], got {list(scores.shape)}, "
            f"{list(labels.shape)} and {list(group.shape)}; flatten them"
        )
    labels = labels.bool()
    values, level = torch.unique(scores, return_inverse=True)
    key = group * (values.numel() + 1) + level
    negative = key[~labels].sort().values
    positive, end = key[labels], (group[labels] + 1) * (values.numel() + 1)
    bounds = [
        torch.searchsorted(negative, bound, right=right) for bound, right in ((positive, False), (positive, True))
    ]
    last = torch.searchsorted(negative, end)
    ranks = 1 + (last - bounds[1]).double() + (bounds[1] - bounds[0]).double() / 2
    ranked = torch.searchsorted(negative, group[labels] * (values.numel() + 1)) < last
    return torch.full_like(ranks, torch.nan) if bool(scores.isnan().any()) else ranks[ranked]


def mean_reciprocal_rank(scores: Tensor, labels: Tensor, group: Tensor | None = None) -> float:
    """Computes the mean of one over the rank of each positive pair.

    Args:
        scores (Tensor): ``[N]``, scores.
        labels (Tensor): ``[N]`` bool, ``True`` for positive pairs.
        group (Tensor, optional): ``[N]``, see :func:`link_ranks`. (default: ``None``, a single group)

    Returns:
        A number between 0 and 1; NaN without ranked pairs.

    Example:
        >>> import torch
        >>> mean_reciprocal_rank(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([True, False, False]))
        0.5
    """
    return float(link_ranks(scores, labels, group).reciprocal().mean())


def hits_at(scores: Tensor, labels: Tensor, k: int, group: Tensor | None = None) -> float:
    """Computes Hits@k, the fraction of positive pairs with a rank of at most ``k``.

    Args:
        scores (Tensor): ``[N]``, scores.
        labels (Tensor): ``[N]`` bool, ``True`` for positive pairs.
        k (int): Largest rank that counts.
        group (Tensor, optional): ``[N]``, see :func:`link_ranks`. (default: ``None``, a single group)

    Returns:
        A number between 0 and 1; NaN without ranked pairs.

    Example:
        >>> import torch
        >>> hits_at(torch.tensor([0.5, 0.9, 0.1]), torch.tensor([True, False, False]), k=1)
        0.0
    """
    ranks = link_ranks(scores, labels, group)
    return float("nan") if bool(ranks.isnan().any()) else float((ranks <= k).double().mean())
