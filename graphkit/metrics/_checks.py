"""Checks of arguments that several metrics share, and their rule for outputs that are not finite.

The rule: an item with a NaN among its outputs, or with an infinite one at its own class, is never a hit. Minus infinity
at other classes is a mask, and does not count against an item.
"""

import torch
from torch import Tensor

from graphkit.errors import InputError


def check_classes(logits: Tensor, y: Tensor) -> None:
    """Raises a ``ValueError`` unless ``logits`` is ``[B, C]`` and ``y`` holds one class of ``C`` for each row."""
    if logits.dim() != 2:
        raise InputError(f"`logits` must be two-dimensional, one row per item (got shape {tuple(logits.shape)})")
    if y.shape != logits.shape[:1]:
        raise InputError(
            f"`y` must hold one class per row of `logits` (got {tuple(y.shape)} for {logits.size(0)} rows)"
        )
    check_not_empty(y)
    if y.is_floating_point() or int(y.min()) < 0 or int(y.max()) >= logits.size(1):
        raise InputError(
            f"`y` must hold integers from 0 to {logits.size(1) - 1} (got {y.dtype}, {y.min()} to {y.max()})"
        )


def scorable(logits: Tensor, y: Tensor) -> Tensor:
    """Returns which rows may be hits, ``[B]`` bool: no output is NaN, and that of the true class is finite."""
    return logits.gather(1, y.unsqueeze(1)).squeeze(1).isfinite() & ~logits.isnan().any(dim=1)


def broken(logits: Tensor) -> Tensor:
    """Returns which scores are NaN or plus infinity; minus infinity is a score of its own, "certainly not"."""
    return logits.isnan() | (logits == torch.inf)


def check_not_empty(y: Tensor) -> None:
    """Raises a ``ValueError`` where there is nothing to average over."""
    if y.numel() == 0:
        raise InputError("a score needs at least one item (got none); is the split empty?")


def columns(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Returns outputs and labels as ``[B, T]`` of one shape; a single task may come as ``[B]``.

    Raises:
        ValueError: If the shapes differ or a label is neither 0, 1 nor NaN.
    """
    logits = logits.reshape(-1, 1) if logits.dim() == 1 else logits
    y = y.reshape(-1, 1) if y.dim() == 1 else y
    if logits.shape != y.shape:
        raise InputError(f"`logits` and `y` must have one shape (got {tuple(logits.shape)} and {tuple(y.shape)})")
    check_not_empty(y)
    if not ((y == 0) | (y == 1) | y.isnan()).all():
        raise InputError("`y` must hold 0, 1 or NaN for a missing label (got other values)")
    return logits, y
