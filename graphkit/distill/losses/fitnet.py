"""Features against features."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.registry import register_loss


@register_loss("fitnet")
class FitNet(DistillationLoss):
    r"""`FitNets: Hints for Thin Deep Nets <https://arxiv.org/abs/1412.6550>`_ (ICLR 2015): features themselves.

    .. math::
        L = \frac{1}{N D_t} \sum_i \lVert \mathbf{W} \mathbf{z}^s_i + \mathbf{b} - \mathbf{z}^t_i \rVert_2^2

    Where the widths are equal there is no map; else :math:`\mathbf{W}` and :math:`\mathbf{b}` are parameters of the
    loss, to be trained beside the student and thrown away with the teacher.

    Args:
        student_channels: Width :math:`D_s`; by default that of the first features that come.
        teacher_channels: Width :math:`D_t`.

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``.
        - **output:** a scalar.

    Differences:
        The paper trains up to the hint first and the whole network after that; here both losses act together, and
        ``active_epochs`` of a pair ends this one.
    """

    def __init__(self, student_channels: int | None = None, teacher_channels: int | None = None) -> None:
        super().__init__()
        self.map: torch.nn.Linear | None = None
        if student_channels is not None and teacher_channels is not None:
            self.start(student_channels, teacher_channels)

    def start(self, student_channels: int, teacher_channels: int) -> None:
        """Makes the map if the widths differ."""
        self.map = width_map(self.map, student_channels, teacher_channels)

    def compare(self, student: Tensor, summary: Tensor) -> Tensor:
        """Returns the mean squared difference."""
        return torch.nn.functional.mse_loss(mapped(student, self.map), summary)


def width_map(old: torch.nn.Linear | None, student_channels: int, teacher_channels: int) -> torch.nn.Linear | None:
    """Returns the linear map from one width to the other: the old one, a new one, or none for equal widths.

    Raises:
        ValueError: If there is a map already, for other widths.
    """
    if old is None:
        return None if student_channels == teacher_channels else torch.nn.Linear(student_channels, teacher_channels)
    if (old.in_features, old.out_features) != (student_channels, teacher_channels):
        raise InputError(
            f"this loss maps {old.in_features} to {old.out_features} features (got {student_channels} of the student "
            f"and {teacher_channels} of the teacher); take a loss of its own for each pair of layers"
        )
    return old


def mapped(student: Tensor, width: torch.nn.Linear | None) -> Tensor:
    """Returns the student's features in the width of the teacher's; the map takes their device and type."""
    if width is None:
        return student
    if width.weight.device != student.device or width.weight.dtype != student.dtype:
        width.to(student.device, student.dtype)
    features: Tensor = width(student)
    return features
