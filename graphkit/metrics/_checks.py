"""Argument checks shared by the metrics, and the rule for non-finite outputs.

Rule: an item with a NaN output, or with an infinite output at its true class, counts as an error. Minus infinity at
other classes is a mask and has no effect.
"""

import torch
from torch import Tensor

from graphkit.errors import InputError


def check_classes(logits: Tensor, y: Tensor) -> None:
    """Checks that ``logits`` is ``[B, C]`` and ``y`` holds ``B`` classes below ``C``.

    Raises:
        InputError: If the shapes do not match, there is no item, or a class is out of range.
    """
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
    """Returns the rows ``[B]`` without NaN and with a finite output at the true class."""
    return logits.gather(1, y.unsqueeze(1)).squeeze(1).isfinite() & ~logits.isnan().any(dim=1)


def broken(logits: Tensor) -> Tensor:
    """Returns a mask of outputs that are NaN or plus infinity."""
    return logits.isnan() | (logits == torch.inf)


def check_not_empty(y: Tensor) -> None:
    """Raises an error for an empty target tensor."""
    if y.numel() == 0:
        raise InputError("a score needs at least one item (got none); is the split empty?")


def numbers(prediction: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Returns predictions and targets of a regression as ``[B, C]`` float64.

    Raises:
        InputError: If the numbers of values differ or are zero.
    """
    if prediction.numel() != y.numel() or prediction.shape[:1] != y.shape[:1]:
        raise InputError(f"`prediction` and `y` must have one shape (got {tuple(prediction.shape)}, {tuple(y.shape)})")
    check_not_empty(y)
    return prediction.double().reshape(y.size(0), -1), y.double().reshape(y.size(0), -1)


def columns(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Returns outputs and labels as ``[B, T]``; a single task may be given as ``[B]``.

    Raises:
        InputError: If the shapes differ, there is no item, or a label is neither 0, 1 nor NaN.
    """
    logits = logits.reshape(-1, 1) if logits.dim() == 1 else logits
    y = y.reshape(-1, 1) if y.dim() == 1 else y
    if logits.shape != y.shape:
        raise InputError(f"`logits` and `y` must have one shape (got {tuple(logits.shape)} and {tuple(y.shape)})")
    check_not_empty(y)
    if not ((y == 0) | (y == 1) | y.isnan()).all():
        raise InputError("`y` must hold 0, 1 or NaN for a missing label (got other values)")
    return logits, y
