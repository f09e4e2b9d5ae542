"""Global structure preservation (GSP)."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss
from graphkit.registry import register_loss


@register_loss("gsp")
class GlobalStructure(DistillationLoss):
    r"""Global structure preservation (GSP): similarities of all pairs of nodes.

    With features scaled to length 1, :math:`\hat{\mathbf{z}}_i = \mathbf{z}_i / \lVert \mathbf{z}_i \rVert_2`,

    .. math::
        L = \frac{1}{N^2} \sum_{ij} \left( \hat{\mathbf{z}}^s_i \cdot \hat{\mathbf{z}}^s_j -
        \hat{\mathbf{z}}^t_i \cdot \hat{\mathbf{z}}^t_j \right)^2
        = \frac{\lVert \mathbf{S}^\top \mathbf{S} \rVert_F^2 + \lVert \mathbf{T}^\top \mathbf{T} \rVert_F^2
        - 2 \, \lVert \mathbf{S}^\top \mathbf{T} \rVert_F^2}{N^2}

    where :math:`\mathbf{S}` and :math:`\mathbf{T}` have the scaled features as rows. The expression on the right is
    computed, without a tensor ``[N, N]``.

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``.
        - **output:** a scalar.

    Notes:
        Products are summed in float64, since the three terms nearly cancel for similar features. The result may be
        slightly negative through rounding.

    Reference:
        Joshi et al., *On Representation Knowledge Distillation for Graph Neural Networks*, TNNLS 2022, after Tung and
        Mori, *Similarity-Preserving Knowledge Distillation*, ICCV 2019.

    Differences:
        All pairs of nodes of a batch are compared, including pairs from two graphs. The published code compares all
        pairs of a sample of nodes.
    """

    default_weight = 10.0

    def summarize(
        self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the scaled features and the sum of their squared similarities."""
        scaled = _scaled(teacher)
        return scaled, (scaled.t() @ scaled).square().sum()

    def compare(self, student: Tensor, summary: tuple[Tensor, Tensor]) -> Tensor:
        """Returns the mean squared difference of the similarities."""
        teacher, teacher_norm = summary
        scaled = _scaled(student)
        total = (scaled.t() @ scaled).square().sum() + teacher_norm - 2 * (scaled.t() @ teacher).square().sum()
        return (total / max(1, student.size(0)) ** 2).to(student.dtype)


def _scaled(z: Tensor) -> Tensor:
    wide = z if z.device.type == "mps" else z.double()
    return torch.nn.functional.normalize(wide, dim=1)
