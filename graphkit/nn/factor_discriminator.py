"""Factor graph discriminator of FactorGCN and its loss."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.utils import scatter

from graphkit.nn.conv.factorgcn_conv import Projection
from graphkit.nn.degree import SubgraphContext, source_norm
from graphkit.nn.options import check_choice, check_counts, check_numbers
from graphkit.ops import factor_aggregate
from graphkit.ops._segments import widen


class FactorDiscriminator(torch.nn.Module):
    r"""Graph convolutional classifier of factor graphs.

    For the weighted adjacency :math:`\mathbf{A}_m` of factor :math:`m`, normalized as in the layer:

    .. math::
        \mathbf{Z}_1 &= \tanh \left( \mathbf{A}_m (\mathbf{H} \mathbf{W}_1^{\top} + \mathbf{b}_1) \right)

        \mathbf{Z}_2 &= \tanh \left( \mathbf{A}_m (\mathbf{Z}_1 \mathbf{W}_2^{\top} + \mathbf{b}_2) \right)

        \mathbf{f}_m &= \tanh \left( \mathrm{mean}_{i} \, \mathbf{z}_{2,i} \right), \qquad
        \mathbf{logits}_m = \mathbf{C} \mathbf{f}_m + \mathbf{b}_c

    The cross-entropy between :math:`\mathbf{logits}_m` and :math:`m`, see :func:`discriminator_loss`, is
    backpropagated through the coefficients and the features of the layer.

    Args:
        channels (int): Width :math:`D` of the shared features of the layer (its ``hidden_channels``).
        factors (int): Number of factors :math:`M` of the layer.
        gain (float, optional): Gain of the layer. (default: ``6.0``)
        norm (str, optional): Degree normalization of the layer, ``"both"`` or ``"source"``. (default: ``"both"``)

    Shapes:
        - **input:** the layer's :class:`~graphkit.nn.Projection`, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``
          (optional).
        - **output:** logits ``[B, M, M]``: one row of factor scores per graph and factor graph.

    Reference:
        Yang, Feng, Song and Wang, *Factorizable Graph Convolutional Networks*, NeurIPS 2020.

    Differences:
        The released code squeezes all axes of length one, which breaks batches of one graph; here shapes are kept.
    """

    def __init__(self, channels: int, factors: int, gain: float = 6.0, norm: str = "both") -> None:
        super().__init__()
        check_counts(channels=channels, factors=factors)
        check_numbers(gain=gain)
        check_choice("norm", norm, ("both", "source"))
        self.gain = gain
        self.norm = norm
        half = max(channels // 2, 1)
        self.lin1 = torch.nn.Linear(channels, half)
        self.lin2 = torch.nn.Linear(half, channels)
        self.classifier = torch.nn.Linear(channels, factors)

    def reset_parameters(self) -> None:
        """Resets all parameters to PyTorch's default initialization."""
        for linear in (self.lin1, self.lin2, self.classifier):
            linear.reset_parameters()

    def forward(
        self,
        projection: Projection,
        edge_index: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        subgraph: SubgraphContext | None = None,
    ) -> Tensor:
        """Returns the logits ``[B, M, M]`` of all factor graphs of all graphs.

        In a subgraph, the mean over nodes is estimated by the mean over the seeds.
        """
        hidden, source, target, edge = projection
        norm = source_norm(edge_index, hidden, subgraph)
        scale = norm[:, None, None] if self.norm == "both" else None
        if subgraph is not None:
            drawn = subgraph.scale(edge_index, hidden)[:, None, None]
            scale = drawn if scale is None else scale * drawn

        def convolve(y: Tensor) -> Tensor:
            out = factor_aggregate(y.to(hidden.dtype), source, target, edge_index, norm, self.gain, edge)
            return torch.tanh(out if scale is None else out * scale)

        z = convolve(self.lin1(hidden))
        z = convolve(self.lin2(z))
        if subgraph is not None:
            mean = z[: subgraph.seeds].mean(dim=0, keepdim=True)
        elif batch is None:
            mean = z.mean(dim=0, keepdim=True)
        else:
            mean = scatter(widen(z), batch, dim=0, dim_size=batch_size, reduce="mean").to(z.dtype)
        return self.classifier(torch.tanh(mean))


def discriminator_loss(logits: Tensor) -> Tensor:
    """Returns the mean cross-entropy of the factor graphs against their own indices.

    Args:
        logits (Tensor): Output ``[B, M, M]`` of a :class:`FactorDiscriminator`.

    Returns:
        Scalar loss; zero with a single factor.
    """
    index = torch.arange(logits.size(1), device=logits.device).expand(logits.size(0), -1)
    return F.cross_entropy(logits.flatten(0, 1), index.reshape(-1))
