"""FitNet: mean squared error of hidden features."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.registry import register_loss


@register_loss("fitnet")
class FitNet(DistillationLoss):
    r"""FitNet (ICLR 2015): mean squared error of hidden features.

    .. math::
        L = \frac{1}{N D_t} \sum_i \lVert \mathbf{W} \mathbf{z}^s_i + \mathbf{b} - \mathbf{z}^t_i \rVert_2^2

    :math:`\mathbf{W}` and :math:`\mathbf{b}` are parameters of the loss, to be trained with the student. There is no
    such map if the widths are equal.

    Args:
        student_channels (int, optional): Width :math:`D_s`; inferred from the first call if ``None``.
            (default: ``None``)
        teacher_channels (int, optional): Width :math:`D_t`; inferred from the first call if ``None``.
            (default: ``None``)

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``.
        - **output:** a scalar.

    Reference:
        Romero et al., `FitNets: Hints for Thin Deep Nets <https://arxiv.org/abs/1412.6550>`_, ICLR 2015.

    Differences:
        The paper trains the layers up to the hint first, and the whole network after that. Here both losses are added;
        ``active_epochs`` of :class:`~graphkit.distill.LayerPair` limits this one to the first epochs.
    """

    def __init__(self, student_channels: int | None = None, teacher_channels: int | None = None) -> None:
        super().__init__()
        self.map: torch.nn.Linear | None = None
        if student_channels is not None and teacher_channels is not None:
            self.start(student_channels, teacher_channels)

    def start(self, student_channels: int, teacher_channels: int) -> None:
        """Creates the linear map if the widths differ."""
        self.map = width_map(self.map, student_channels, teacher_channels)

    def compare(self, student: Tensor, summary: Tensor) -> Tensor:
        """Returns the mean squared error."""
        return torch.nn.functional.mse_loss(mapped(student, self.map), summary)


def width_map(old: torch.nn.Linear | None, student_channels: int, teacher_channels: int) -> torch.nn.Linear | None:
    """Returns a linear map between two widths, ``None`` for equal widths.

    This is ``old`` if given.

    Raises:
        InputError: If ``old`` has other widths.
    """
    if old is None:
        return None if student_channels == teacher_channels else torch.nn.Linear(student_channels, teacher_channels)
    if (old.in_features, old.out_features) != (student_channels, teacher_channels):
        raise InputError(
            f"this loss maps {old.in_features} to {old.out_features} features (got {student_channels} of the student "
            f"and {teacher_channels} of the teacher); use a separate loss for each pair of layers"
        )
    return old


def mapped(student: Tensor, width: torch.nn.Linear | None) -> Tensor:
    """Returns the student features, mapped to the width of the teacher.

    The map is moved to their device and dtype.
    """
    if width is None:
        return student
    if width.weight.device != student.device or width.weight.dtype != student.dtype:
        width.to(student.device, student.dtype)
    features: Tensor = width(student)
    return features
