"""The factorizable graph convolution and the projection that it shares with its discriminator."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.degree import SubgraphContext, source_norm
from graphkit.nn.hooks import has_listeners
from graphkit.nn.options import check_choice, check_counts, check_flags, check_numbers
from graphkit.nn.sparse import full_precision
from graphkit.ops import factor_aggregate


class Projection(NamedTuple):
    """What a :class:`FactorGCNConv` makes of its input before it looks at the edges.

    Args:
        hidden: ``[N, D]``, the features shared by all factors.
        source: ``[N, M]``, every node's term as the source of an edge.
        target: ``[N, M]``, every node's term as the target of an edge.
    """

    hidden: Tensor
    source: Tensor
    target: Tensor


class FactorGCNConv(MessagePassing):
    r"""The layer of `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_ (NeurIPS 2020).

    The layer splits the graph into :math:`M` factor graphs, which have the same edges with different weights in
    :math:`(0, 1)`, convolves each and concatenates the results:

    .. math::
        \mathbf{h}_i &= \mathbf{W} \mathbf{x}_i + \mathbf{b}

        E_m(j, i) &= \sigma \left( g \left( \mathbf{a}_m^{\top} \mathbf{h}_j + c_m +
        \mathbf{a}_m^{\prime\top} \mathbf{h}_i + c'_m \right) \right)

        \mathbf{o}_i &= \big\Vert_{m=1}^M \; \sum_{j \to i} \frac{E_m(j, i)}{\sqrt{d_j} \sqrt{d_i}} \, \mathbf{h}_j

    with the in-degrees :math:`d` of the unweighted graph, at least 1. The coefficients of a node need not sum to one.
    A node without in-edges, itself included, gets zeros: add self loops where that is not wanted.

    Args:
        in_channels: Width of the input features.
        out_channels: Width of the output; must be divisible by ``factors`` if ``concat`` is set.
        factors: Number of factor graphs :math:`M`.
        concat: Whether the factors are concatenated or averaged.
        gain: The factor :math:`g` inside the sigmoid. Large gains give near-binary coefficients from the start.
        norm: ``"both"`` divides by :math:`\sqrt{d_j d_i}`, ``"source"`` by :math:`\sqrt{d_j}` only.
        bias: Whether the projection has a bias :math:`\mathbf{b}`.

    Shapes:
        - **input:** node features ``[N, F]`` (dense, or sparse COO or CSR), ``edge_index`` ``[2, E]`` in any order. A
          :class:`torch_geometric.EdgeIndex` that is sorted by column is fastest.
        - **output:** ``[N, out_channels]``, or that and the coefficients ``[E, M]`` if ``return_factors`` is set.

    Reference:
        Yang, Feng, Song and Wang, *Factorizable Graph Convolutional Networks*, NeurIPS 2020.

    Differences:
        The released code normalizes by the source degree only (``norm="source"``), has no argument for its gain of 6
        and narrows an output width that does not divide by the number of factors without a word (here: an error).
        Weights start Glorot-uniform and biases at zero, as is usual for graph layers, instead of PyTorch's default.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        factors: int = 4,
        concat: bool = True,
        gain: float = 6.0,
        norm: str = "both",
        bias: bool = True,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        check_counts(in_channels=in_channels, out_channels=out_channels, factors=factors)
        check_numbers(gain=gain)
        check_flags(concat=concat, bias=bias)
        check_choice("norm", norm, ("both", "source"))
        if concat and out_channels % factors != 0:
            raise InputError(
                f"`out_channels` must be divisible by `factors` (got {out_channels} and {factors}); "
                "choose another width or set `concat=False`"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.factors = factors
        self.concat = concat
        self.gain = gain
        self.norm = norm
        self.hidden_channels = out_channels // factors if concat else out_channels

        self.weight = torch.nn.Parameter(torch.empty(in_channels, self.hidden_channels))
        self.bias = torch.nn.Parameter(torch.empty(self.hidden_channels)) if bias else None
        self.att_source = torch.nn.Parameter(torch.empty(self.hidden_channels, factors))
        self.att_target = torch.nn.Parameter(torch.empty(self.hidden_channels, factors))
        self.att_source_bias = torch.nn.Parameter(torch.empty(factors))
        self.att_target_bias = torch.nn.Parameter(torch.empty(factors))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights (Glorot-uniform) and sets the biases to zero."""
        super().reset_parameters()
        for weight in (self.weight, self.att_source, self.att_target):
            glorot(weight)
        for bias in (self.bias, self.att_source_bias, self.att_target_bias):
            zeros(bias)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: None = None, *, return_factors: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Convolves ``x`` over every factor graph; with ``return_factors`` the coefficients ``[E, M]`` come too.

        Raises:
            InputTypeError: If an ``edge_weight`` is given: the factors are the weights of the edges.
        """
        if edge_weight is not None:
            got = "a tensor" if isinstance(edge_weight, Tensor) else repr(edge_weight)
            raise InputTypeError(
                f"expected no `edge_weight`, since {type(self).__name__} learns the weights of the edges, got {got}; "
                "leave it out, and pass `return_factors` by name"
            )
        projection = self.project(x)
        out = self.aggregate_factors(projection, edge_index)
        if return_factors:
            return out, self.coefficients(projection, edge_index)
        return out

    def project(self, x: Tensor) -> Projection:
        """Returns the shared features and the two terms of the factor scores, for all nodes."""
        with full_precision(x):
            hidden = x @ self.weight
        if self.bias is not None:
            hidden = hidden + self.bias.to(hidden.dtype)
        source = torch.addmm(self.att_source_bias, hidden, self.att_source)
        target = torch.addmm(self.att_target_bias, hidden, self.att_target)
        return Projection(hidden, source.to(hidden.dtype), target.to(hidden.dtype))

    def coefficients(self, projection: Projection, edge_index: Tensor) -> Tensor:
        """Returns the factor coefficients ``[E, M]`` in the order of ``edge_index``."""
        row, col = edge_index[0], edge_index[1]
        return torch.sigmoid(self.gain * (projection.source[row] + projection.target[col]))

    def aggregate_factors(
        self, projection: Projection, edge_index: Tensor, subgraph: SubgraphContext | None = None
    ) -> Tensor:
        """Convolves the projected features: ``[N, M * D]``, or ``[N, D]`` if ``concat`` is off.

        Args:
            projection: What :meth:`project` returned.
            edge_index: ``[2, E]``, the edges.
            part: What a part of a graph knows of the whole, whose degrees are taken then.
        """
        norm = source_norm(edge_index, projection.hidden, subgraph)
        if has_listeners(self):  # the same numbers through `message`, for explainers and hooks
            hidden, source, target = projection
            h = hidden * norm[:, None]
            out = self.propagate(edge_index, h=h, source=source, target=target)
        else:
            out = factor_aggregate(*projection, edge_index, norm, self.gain)
        if self.norm == "both":
            out = out * norm[:, None, None]
        if subgraph is not None:
            out = out * subgraph.scale(edge_index, out)[:, None, None]
        return out.flatten(1) if self.concat else out.mean(dim=1)

    def message(self, h_j: Tensor, source_j: Tensor, target_i: Tensor) -> Tensor:
        """Returns the messages of all factors, ``[E, M, D]``."""
        return torch.sigmoid(self.gain * (source_j + target_i)).unsqueeze(-1) * h_j.unsqueeze(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, factors={self.factors})"
