"""GAT convolution with a fused attention operator, and per-head residual maps."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv
from torch_geometric.nn.inits import glorot
from torch_geometric.utils import add_self_loops, remove_self_loops

from graphkit.nn.hooks import has_listeners
from graphkit.nn.options import check_counts, check_flags, check_like, check_numbers, check_shares
from graphkit.nn.sparse import full_precision
from graphkit.ops import path_attention


class FusedGATConv(GATConv):
    r"""Graph attention convolution (GAT) with a fused attention operator.

    Arguments, parameters and results are those of :class:`torch_geometric.nn.GATConv`, up to rounding:

    .. math::
        \mathbf{x}'_i = \sum_{j \to i} \alpha_{ij} \mathbf{W} \mathbf{x}_j, \qquad
        \alpha_{ij} = \operatorname{softmax}_j \bigl( \mathrm{LeakyReLU} \left(
        \mathbf{a}_s^\top \mathbf{W} \mathbf{x}_j + \mathbf{a}_t^\top \mathbf{W} \mathbf{x}_i \right) \bigr)

    Shapes:
        - **input:** ``x`` ``[N, F]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[N, heads * out_channels]``, or ``[N, out_channels]`` if ``concat`` is off.

    Notes:
        Attention is computed by :func:`graphkit.ops.path_attention` with paths of one hop, which materializes no
        messages. Calls that need messages (edge attributes, explainers, message hooks, returned attention, bipartite
        graphs) use the implementation of PyG.

    Reference:
        Veličković, Cucurull, Casanova, Romero, Liò and Bengio, `Graph Attention Networks
        <https://arxiv.org/abs/1710.10903>`_, ICLR 2018.
    """

    def __init__(
        self,
        in_channels: Any,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        for width in in_channels if isinstance(in_channels, tuple) else (in_channels,):
            if type(width) is not int or width != -1:  # -1: lazy initialization
                check_counts(in_channels=width)
        check_counts(out_channels=out_channels, heads=heads)
        check_numbers(negative_slope=negative_slope)
        check_shares(dropout=dropout)
        check_flags(concat=concat)
        check_like(options, GATConv)
        if options.get("edge_dim") is not None:
            check_counts(edge_dim=options["edge_dim"])
        super().__init__(in_channels, out_channels, heads, concat, negative_slope, dropout, **options)

    def forward(self, x: Any, edge_index: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the output features of the nodes."""
        plain = isinstance(x, Tensor) and isinstance(edge_index, Tensor) and edge_index.layout == torch.strided
        asked = any(value is not None for value in (*args, *kwargs.values()))
        if not plain or asked or self.lin is None or self.lin_edge is not None or has_listeners(self):
            with full_precision(x) if isinstance(x, Tensor) else nullcontext():
                return super().forward(x, edge_index, *args, **kwargs)
        edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
        if self.add_self_loops:
            edges, _ = remove_self_loops(edges)
            edges, _ = add_self_loops(edges, num_nodes=x.size(0))
        with full_precision(x):
            h = self.lin(x).view(-1, self.heads, self.out_channels)
        weight = None
        if self.training and self.dropout > 0:
            weight = F.dropout(h.new_ones(edges.size(1), self.heads), self.dropout)
        alpha_dst = (h * self.att_dst).sum(dim=-1).to(h.dtype)
        out = path_attention(
            h, edges, self.att_src[0].to(h.dtype), alpha_dst, negative_slope=self.negative_slope, weight=weight
        )
        assert isinstance(out, Tensor)
        out = out.flatten(1) if self.concat else out.mean(dim=1)
        if self.res is not None:
            with full_precision(x):
                out = out + self.res(x)
        return out if self.bias is None else out + self.bias


class HeadMeanLinear(torch.nn.Module):
    r"""Mean of one linear map per attention head.

    .. math::
        \mathbf{x}'_i = \frac{1}{H} \sum_h \mathbf{W}_h \mathbf{x}_i

    Args:
        in_channels (int): Width of the input.
        out_channels (int): Width of the output.
        heads (int): Number of heads :math:`H`.

    Shapes:
        - **input:** ``[N, in_channels]``.
        - **output:** ``[N, out_channels]``.

    Notes:
        The matrices are averaged before the product, which saves operations.
    """

    def __init__(self, in_channels: int, out_channels: int, heads: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(heads, out_channels, in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets the weights (Glorot-uniform)."""
        glorot(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the mean of the maps."""
        return F.linear(x, self.weight.mean(dim=0))
