"""The quadratic penalties of all tasks so far as one, whose cost and memory do not grow with the number of tasks."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.continual.gradients import Named
from graphkit.errors import InputError


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

    The center moves to the new weights, by :math:`\delta = w - b`:

    .. math::
        K \gets K + \sum_m 2 R_m \delta_m + A_m \delta_m^2, \quad R \gets R + A \delta, \quad b \gets w, \quad
        A \gets A + I

    Nothing is lost to cancellation: sums of :math:`I w^2` and :math:`I w`, which give the same in exact arithmetic,
    are wrong in the second digit after a hundred tasks in single precision, and can turn negative.

    Args:
        merged: The penalties so far; ``None`` before the first. It is not changed.
        importance: :math:`I`, not negative, by parameter; a parameter that is left out has none.
        weights: :math:`w`, by parameter; those of a parameter that is new since the last task are taken as they are.

    Returns:
        The penalties with the new one. A parameter of an earlier task that has no weight here keeps its penalty.

    Raises:
        InputError: If a parameter has an importance and no weight, or a shape differs from that of earlier tasks.
    """
    before = {} if merged is None else merged.anchor
    for name in importance:
        if name not in weights:
            raise InputError(f"expected a weight for every importance, got none for '{name}'; add it to `weights`")
    for name, weight in weights.items():
        for other in (importance.get(name), before.get(name)):
            if other is not None and other.shape != weight.shape:
                raise InputError(
                    f"expected '{name}' of shape {list(weight.shape)} as in `weights`, got {list(other.shape)}; merge "
                    "penalties of one network only"
                )
    current = {name: importance.get(name, torch.zeros_like(weight)).detach() for name, weight in weights.items()}
    anchor = {name: weight.detach().clone() for name, weight in weights.items()}
    if merged is None:
        total = {name: current[name].clone() for name in anchor}
        return MergedPenalty(total, {name: torch.zeros_like(weight) for name, weight in anchor.items()}, anchor, 0.0)
    total, slope, constant = dict(merged.total), dict(merged.slope), merged.constant
    for name, weight in anchor.items():
        if name not in merged.anchor:
            total[name], slope[name] = current[name].clone(), torch.zeros_like(weight)
            continue
        move, so_far = weight - merged.anchor[name], merged.total[name]
        constant += float((move.double() * (2 * merged.slope[name].double() + so_far.double() * move.double())).sum())
        slope[name] = merged.slope[name] + so_far * move
        total[name] = so_far + current[name]
    return MergedPenalty(total, slope, {**merged.anchor, **anchor}, constant)


def merged_penalty(merged: MergedPenalty, weights: Mapping[str, Tensor]) -> Tensor:
    """Returns the penalties of all tasks at some weights, a scalar that can be differentiated.

    Raises:
        InputError: If a parameter that has a penalty is missing.
    """
    missing = [name for name in merged.anchor if name not in weights]
    if missing:
        raise InputError(f"expected a weight for every parameter with a penalty, got none for {', '.join(missing)}")
    parts = []
    for name, anchor in merged.anchor.items():
        move = weights[name] - anchor
        parts.append((move * (merged.total[name] * move + 2 * merged.slope[name])).sum())
    return torch.stack(parts).sum() + merged.constant
