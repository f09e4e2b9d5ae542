"""Distillation losses of learning without forgetting (LwF)."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def softened_cross_entropy(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    r"""Returns the cross-entropy of softened class probabilities, averaged over items.

    .. math::
        -\frac1n \sum_i \sum_c \mathrm{softmax}(\mathbf{t}_i / T)_c \, \log \mathrm{softmax}(\mathbf{s}_i / T)_c

    Only the student receives a gradient.

    Args:
        student (Tensor): Logits :math:`\mathbf{s}` of the new model.
        teacher (Tensor): Logits :math:`\mathbf{t}` of the old model for the same items.
        temperature (float, optional): Temperature :math:`T`. (default: ``2.0``)

    Shapes:
        - **input:** ``student`` and ``teacher`` ``[n, C]``.
        - **output:** a scalar.

    Reference:
        Li and Hoiem, *Learning without Forgetting*, ECCV 2016.

    Differences:
        There is no factor :math:`T^2`. The released code of TWP detaches this term, which therefore has no effect.

    Example:
        >>> softened_cross_entropy(torch.zeros(3, 2), torch.zeros(3, 2))
        tensor(0.6931)
    """
    _check(student, teacher, temperature)
    target = torch.softmax(teacher.detach() / temperature, dim=-1)
    log = torch.log_softmax(student / temperature, dim=-1)
    return -_weighted(target, log).sum(dim=-1).mean()


def softened_binary_cross_entropy(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    r"""Returns the binary cross-entropy of softened label probabilities.

    This is :func:`softened_cross_entropy` for several labels per item, with a sigmoid per output.

    Args:
        student (Tensor): Logits of the new model.
        teacher (Tensor): Logits of the old model for the same items.
        temperature (float, optional): Temperature :math:`T`. (default: ``2.0``)

    Shapes:
        - **input:** ``student`` and ``teacher`` ``[n, C]``.
        - **output:** a scalar, averaged over items and outputs.
    """
    _check(student, teacher, temperature)
    teacher, student = teacher.detach() / temperature, student / temperature
    log = torch.nn.functional.logsigmoid
    return -(_weighted(teacher.sigmoid(), log(student)) + _weighted((-teacher).sigmoid(), log(-student))).mean()


def _weighted(target: Tensor, log: Tensor) -> Tensor:
    """Returns ``target * log``, 0 where the target is 0, as for a masked class."""
    return target * log.masked_fill(target == 0, 0)


def _check(student: Tensor, teacher: Tensor, temperature: float) -> None:
    if student.shape != teacher.shape:
        raise InputError(
            f"`student` and `teacher` must have one shape (got {tuple(student.shape)} and {tuple(teacher.shape)})"
        )
    if temperature <= 0:
        raise InputError(f"`temperature` must be positive (got {temperature})")
