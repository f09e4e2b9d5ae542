"""The quadratic penalties of all tasks so far as one, whose cost and memory do not grow with the number of tasks."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.continual.gradients import Named


class MergedPenalty(NamedTuple):
    r"""Coefficients of the sum :math:`\sum_n \sum_m I_{n,m} (v_m - w_{n,m})^2` over tasks :math:`n`.

    Around the latest weights :math:`b` the sum is :math:`\sum_m A_m (v_m - b_m)^2 + 2 R_m (v_m - b_m)` and a constant.

    Args:
        total: :math:`A = \sum_n I_n`, by parameter.
        slope: :math:`R = \sum_n I_n (b - w_n)`, by parameter.
        anchor: The latest weights :math:`b`, by parameter.
        constant: What the sum is at :math:`b`.
    """

    total: Named
    slope: Named
    anchor: Named
    constant: float


@torch.no_grad()
def merge_penalty(
    merged: MergedPenalty | None, importance: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> MergedPenalty:
    r"""Adds the penalty of one more task, :math:`\sum_m I_m (v_m - w_m)^2`.

    The centre moves to the new weights, by :math:`\delta = w - b`:

    .. math::
        K \gets K + \sum_m 2 R_m \delta_m + A_m \delta_m^2, \quad R \gets R + A \delta, \quad b \gets w, \quad
        A \gets A + I

    Nothing is lost to cancellation: sums of :math:`I w^2` and :math:`I w`, which give the same in exact arithmetic,
    are wrong in the second digit after a hundred tasks in single precision, and can turn negative.

    Args:
        merged: The penalties so far; ``None`` before the first. It is not changed.
        importance: :math:`I`, not negative, by parameter.
        weights: :math:`w`, by parameter; those of a parameter that is new since the last task are taken as they are.

    Returns:
        The penalties with the new one.
    """
    anchor = {name: weight.detach().clone() for name, weight in weights.items()}
    if merged is None:
        total = {name: importance[name].detach().clone() for name in anchor}
        return MergedPenalty(total, {name: torch.zeros_like(weight) for name, weight in anchor.items()}, anchor, 0.0)
    total, slope, constant = {}, {}, merged.constant
    for name, weight in anchor.items():
        if name not in merged.anchor:
            total[name], slope[name] = importance[name].detach().clone(), torch.zeros_like(weight)
            continue
        move, before = weight - merged.anchor[name], merged.total[name]
        constant += float((move.double() * (2 * merged.slope[name].double() + before.double() * move.double())).sum())
        slope[name] = merged.slope[name] + before * move
        total[name] = before + importance[name]
    return MergedPenalty(total, slope, anchor, constant)


def merged_penalty(merged: MergedPenalty, weights: Mapping[str, Tensor]) -> Tensor:
    """Returns the penalties of all tasks at some weights, a scalar that can be differentiated."""
    parts = []
    for name, anchor in merged.anchor.items():
        move = weights[name] - anchor
        parts.append((move * (merged.total[name] * move + 2 * merged.slope[name])).sum())
    return torch.stack(parts).sum() + merged.constant
