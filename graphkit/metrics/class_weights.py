"""Class weights for losses on imbalanced classes."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def class_weights(y: Tensor, num_classes: int) -> Tensor:
    """Computes the loss weight of every class, :math:`w_c = (V - V_c) / V`.

    :math:`V` is the number of items and :math:`V_c` the number of items of class :math:`c`.

    Args:
        y (Tensor): ``[V]`` int64, classes.
        num_classes (int): Number of classes; classes without items get weight 0.

    Returns:
        Weights ``[num_classes]`` in float64.

    Raises:
        InputError: If a class is out of range.

    Reference:
        Dwivedi et al., `Benchmarking Graph Neural Networks <https://arxiv.org/abs/2003.00982>`_, 2020 (protocol of
        PATTERN).

    Example:
        >>> import torch
        >>> class_weights(torch.tensor([0, 0, 0, 1]), 2)
        tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    if y.numel() and (y.is_floating_point() or int(y.min()) < 0 or int(y.max()) >= num_classes):
        raise InputError(f"`y` must hold classes from 0 to {num_classes - 1} (got {y.dtype}, {y.min()} to {y.max()})")
    counts = torch.bincount(y.reshape(-1), minlength=num_classes).double()
    weights = (y.numel() - counts) / max(y.numel(), 1)
    return weights * (counts > 0)
