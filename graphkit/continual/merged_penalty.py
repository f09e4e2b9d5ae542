"""Sum of the quadratic penalties of all tasks, in time and memory of a single one."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.continual.gradients import Named
from graphkit.errors import InputError


class MergedPenalty(NamedTuple):
    r"""Coefficients of the sum of quadratic penalties over tasks.

    Around the latest weights :math:`b`, the sum over tasks :math:`n` is

    .. math::
        \sum_n \sum_m I_{n,m} (v_m - w_{n,m})^2 = \sum_m A_m (v_m - b_m)^2 + 2 R_m (v_m - b_m) + K

    Args:
        total (dict of str to Tensor): :math:`A = \sum_n I_n`, by parameter.
        slope (dict of str to Tensor): :math:`R = \sum_n I_n (b - w_n)`, by parameter.
        anchor (dict of str to Tensor): Latest weights :math:`b`, by parameter.
        constant (float): Value :math:`K` of the sum at :math:`b`.
    """

    total: Named
    slope: Named
    anchor: Named
    constant: float


@torch.no_grad()
def merge_penalty(
    merged: MergedPenalty | None, importance: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> MergedPenalty:
    r"""Adds the quadratic penalty of a task, :math:`\sum_m I_m (v_m - w_m)^2`.

    The expansion moves to the new weights, by :math:`\delta = w - b`:

    .. math::
        K \gets K + \sum_m 2 R_m \delta_m + A_m \delta_m^2, \quad R \gets R + A \delta, \quad b \gets w, \quad
        A \gets A + I

    This form avoids the cancellation of sums of :math:`I w^2` and :math:`I w`, which can make the penalty negative.

    Args:
        merged (MergedPenalty): Penalties so far, which are not changed; ``None`` before the first.
        importance (dict of str to Tensor): Non-negative importance :math:`I`, by parameter; zero for parameters that
            are left out.
        weights (dict of str to Tensor): Weights :math:`w`, by parameter; parameters may be new.

    Returns:
        The penalties with the new one. Parameters of earlier tasks without a weight here keep their penalty.

    Raises:
        InputError: If a parameter has an importance but no weight, or a shape differs from that of earlier tasks.

    Example:
        >>> weights = {"w": torch.tensor([1.0])}
        >>> merged = merge_penalty(None, {"w": torch.tensor([2.0])}, weights)
        >>> merged_penalty(merged, {"w": torch.tensor([3.0])})
        tensor(8.)
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
    """Returns the sum of the quadratic penalties of all tasks, a scalar.

    Args:
        merged (MergedPenalty): The penalties.
        weights (dict of str to Tensor): Current weights, by parameter.

    Raises:
        InputError: If a parameter with a penalty is missing.
    """
    missing = [name for name in merged.anchor if name not in weights]
    if missing:
        raise InputError(f"expected a weight for every parameter with a penalty, got none for {', '.join(missing)}")
    parts = []
    for name, anchor in merged.anchor.items():
        move = weights[name] - anchor
        parts.append((move * (merged.total[name] * move + 2 * merged.slope[name])).sum())
    return torch.stack(parts).sum() + merged.constant
