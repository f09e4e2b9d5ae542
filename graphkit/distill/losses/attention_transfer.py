"""Attention transfer (AT)."""

import torch
from torch import Tensor

from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.registry import register_loss


@register_loss("at")
class AttentionTransfer(DistillationLoss):
    r"""Attention transfer (AT, ICLR 2017): distance of attention maps over nodes.

    The attention map of a layer is the energy of the features of every node, scaled to length 1 over the nodes of a
    graph. The loss is averaged over the graphs of a batch:

    .. math::
        a_i = \sum_d |z_{id}|^p \qquad
        L = \left\lVert \frac{\mathbf{a}^s}{\lVert \mathbf{a}^s \rVert_2} -
        \frac{\mathbf{a}^t}{\lVert \mathbf{a}^t \rVert_2} \right\rVert_2^2

    Args:
        power (float, optional): Exponent :math:`p`. (default: ``2.0``)

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``, ``batch`` ``[N]``.
        - **output:** a scalar between 0 and 4.

    Raises:
        InputError: If the exponent is not positive and finite.

    Reference:
        Zagoruyko and Komodakis, `Paying More Attention to Attention <https://arxiv.org/abs/1612.03928>`_, ICLR 2017.

    Differences:
        Nodes replace the pixels of the paper. The published code averages the squares over positions and multiplies
        them by 1000; the sum does not depend on the number of nodes. The attention of a GAT is not used.
    """

    default_weight = 10.0

    def __init__(self, power: float = 2.0) -> None:
        super().__init__()
        if not 0 < power < float("inf"):
            raise InputError(f"`power` must be positive and finite (got {power})")
        self.power = power

    def summarize(
        self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the attention map of the teacher, and ``batch``."""
        return self._attention(teacher, batch), batch

    def compare(self, student: Tensor, summary: tuple[Tensor, Tensor | None]) -> Tensor:
        """Returns the squared distance of the attention maps, averaged over graphs."""
        attention, batch = summary
        graphs = 1 if batch is None or not batch.numel() else int(batch.max()) + 1
        return (self._attention(student, batch) - attention).square().sum() / graphs

    def _attention(self, z: Tensor, batch: Tensor | None) -> Tensor:
        energy = z.abs().pow(self.power).sum(dim=1)
        if batch is None:
            return torch.nn.functional.normalize(energy, dim=0)
        squares = energy.new_zeros(int(batch.max()) + 1 if batch.numel() else 0).index_add(0, batch, energy.square())
        return energy / squares.clamp(min=1e-24).sqrt().index_select(0, batch)

    def extra_repr(self) -> str:
        """Returns the options."""
        return f"power={self.power}"
