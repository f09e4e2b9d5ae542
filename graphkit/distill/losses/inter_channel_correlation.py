"""Inter-channel correlation (ICKD)."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss
from graphkit.distill.losses.fitnet import mapped, width_map
from graphkit.registry import register_loss


@register_loss("ickd")
class InterChannelCorrelation(DistillationLoss):
    r"""Inter-channel correlation (ICKD, ICCV 2021): similarities of channels.

    With :math:`\hat{\mathbf{Z}}`, the features with columns scaled to length 1,

    .. math::
        L = \frac{1}{D_t^2} \left\lVert \hat{\mathbf{Z}}^{s \top} \hat{\mathbf{Z}}^s -
        \hat{\mathbf{Z}}^{t \top} \hat{\mathbf{Z}}^t \right\rVert_F^2

    If the widths differ, a linear map of the student features, a parameter of the loss, is applied first.

    Args:
        student_channels (int, optional): Width :math:`D_s`; inferred from the first call if ``None``.
            (default: ``None``)
        teacher_channels (int, optional): Width :math:`D_t`; inferred from the first call if ``None``.
            (default: ``None``)

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``.
        - **output:** a scalar.

    Reference:
        Liu et al., `Exploring Inter-Channel Correlation for Diversity-preserved Knowledge Distillation
        <https://arxiv.org/abs/2202.03680>`_, ICCV 2021.

    Differences:
        The nodes of a batch replace the positions of an image. The published code always applies the map, followed by
        a normalization.
    """

    default_weight = 10.0

    def __init__(self, student_channels: int | None = None, teacher_channels: int | None = None) -> None:
        super().__init__()
        self.map: torch.nn.Linear | None = None
        if student_channels is not None and teacher_channels is not None:
            self.start(student_channels, teacher_channels)

    def start(self, student_channels: int, teacher_channels: int) -> None:
        """Creates the linear map if the widths differ."""
        self.map = width_map(self.map, student_channels, teacher_channels)

    def summarize(self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None) -> Tensor:
        """Returns the similarities of the teacher's channels ``[Dt, Dt]``."""
        return _correlation(teacher)

    def compare(self, student: Tensor, summary: Tensor) -> Tensor:
        """Returns the mean squared error of the similarities of channels."""
        return torch.nn.functional.mse_loss(_correlation(mapped(student, self.map)), summary)


def _correlation(z: Tensor) -> Tensor:
    scaled = torch.nn.functional.normalize(z, dim=0)
    return scaled.t() @ scaled
