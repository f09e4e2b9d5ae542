"""Weights that let rare classes count as much as common ones in a loss."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def class_weights(y: Tensor, num_classes: int) -> Tensor:
    r"""Returns the loss weight of every class, :math:`w_c = (V - V_c) / V`.

    :math:`V` is the number of items and :math:`V_c` the number in class :math:`c`. This is the weighting of the
    `benchmarking-gnns <https://arxiv.org/abs/2003.00982>`_ protocol for PATTERN.

    Args:
        y: Classes, int64.
        num_classes: Number of classes, including those that do not occur (they get 0, as they add nothing to a loss).

    Raises:
        ValueError: If a class is out of range.

    Shapes:
        - **input:** ``y`` ``[V]``.
        - **output:** ``[num_classes]`` float64.
    """
    if y.numel() and (y.is_floating_point() or int(y.min()) < 0 or int(y.max()) >= num_classes):
        raise InputError(f"`y` must hold classes from 0 to {num_classes - 1} (got {y.dtype}, {y.min()} to {y.max()})")
    counts = torch.bincount(y.reshape(-1), minlength=num_classes).double()
    weights = (y.numel() - counts) / max(y.numel(), 1)
    return weights * (counts > 0)
