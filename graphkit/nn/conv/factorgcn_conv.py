"""Factorizable graph convolution (FactorGCN) and its projection."""

from typing import NamedTuple, NoReturn

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.typing import OptTensor

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.degree import SubgraphContext, source_norm
from graphkit.nn.hooks import has_listeners
from graphkit.nn.options import check_choice, check_counts, check_flags, check_numbers
from graphkit.nn.sparse import full_precision
from graphkit.ops import factor_aggregate


class Projection(NamedTuple):
    """Projected features and factor scores of the nodes in a :class:`FactorGCNConv`.

    Args:
        hidden (Tensor): Features ``[N, D]``, shared by all factors.
        source (Tensor): Source terms ``[N, M]`` of the factor scores.
        target (Tensor): Target terms ``[N, M]`` of the factor scores.
        edge (Tensor, optional): Edge terms ``[E, M]`` of the factor scores. (default: ``None``)
    """

    hidden: Tensor
    source: Tensor
    target: Tensor
    edge: Tensor | None = None


class FactorGCNConv(MessagePassing):
    r"""Factorizable graph convolution (FactorGCN).

    The layer factorizes the graph into :math:`M` factor graphs with the same edges and different edge weights in
    :math:`(0, 1)`, applies a graph convolution to each and concatenates the results:

    .. math::
        \mathbf{h}_i &= \mathbf{W} \mathbf{x}_i + \mathbf{b}

        E_m(j, i) &= \sigma \left( g \left( \mathbf{a}_m^{\top} \mathbf{h}_j + c_m +
        \mathbf{a}_m^{\prime\top} \mathbf{h}_i + c'_m \right) \right)

        \mathbf{o}_i &= \big\Vert_{m=1}^M \; \sum_{j \to i} \frac{E_m(j, i)}{\sqrt{d_j} \sqrt{d_i}} \, \mathbf{h}_j

    with the in-degrees :math:`d` of the unweighted graph, at least 1. The coefficients of a node need not sum to one.
    The output of a node without in-edges is zero; add self loops to avoid this.

    With ``edge_dim``, the factor scores depend on the edge features :math:`\mathbf{e}_{ji}` too:

    .. math::
        E_m(j, i) = \sigma \left( g \left( \mathbf{a}_m^{\top} \mathbf{h}_j + c_m +
        \mathbf{a}_m^{\prime\top} \mathbf{h}_i + c'_m + \mathbf{u}_m^{\top} \mathbf{e}_{ji} \right) \right)

    Args:
        in_channels (int): Width of the input features.
        out_channels (int): Width of the output; must be divisible by ``factors`` if ``concat`` is set.
        factors (int, optional): Number of factor graphs :math:`M`. (default: ``4``)
        concat (bool, optional): If ``False``, the factors are averaged instead of concatenated. (default: ``True``)
        gain (float, optional): Gain :math:`g` of the sigmoid. Large gains give near-binary coefficients.
            (default: ``6.0``)
        norm (str, optional): Degree normalization: ``"both"`` divides by :math:`\sqrt{d_j d_i}`, ``"source"`` by
            :math:`\sqrt{d_j}`. (default: ``"both"``)
        bias (bool, optional): If ``False``, the projection has no bias :math:`\mathbf{b}`. (default: ``True``)
        edge_dim (int, optional): Width :math:`D_e` of the edge features, which an extension of this package adds to
            the factor scores; ``None`` for none. (default: ``None``)

    Shapes:
        - **input:** node features ``[N, F]`` (dense, or sparse COO or CSR), ``edge_index`` ``[2, E]`` in any order; a
          :class:`torch_geometric.EdgeIndex` sorted by column is fastest; with ``edge_dim`` also ``edge_attr``
          ``[E, D_e]``, or ``[E]`` if ``edge_dim`` is 1.
        - **output:** ``[N, out_channels]``; with ``return_factors`` also the coefficients ``[E, M]``.

    Example:
        >>> conv = FactorGCNConv(16, 32, factors=4)
        >>> conv(torch.randn(3, 16), torch.tensor([[0, 1, 2], [1, 2, 0]])).shape
        torch.Size([3, 32])
        >>> conv = FactorGCNConv(16, 32, factors=4, edge_dim=5)
        >>> conv(torch.randn(3, 16), torch.tensor([[0, 1, 2], [1, 2, 0]]), edge_attr=torch.randn(3, 5)).shape
        torch.Size([3, 32])

    Reference:
        Yang, Feng, Song and Wang, `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_,
        NeurIPS 2020.

    Differences:
        The released code normalizes by the source degree only (``norm="source"``), has a fixed gain of 6 and silently
        narrows an output width that is not divisible by the number of factors (here: an error). Weights are initialized
        Glorot-uniform and biases to zero, instead of PyTorch's default.
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
        edge_dim: int | None = None,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        check_counts(in_channels=in_channels, out_channels=out_channels, factors=factors)
        if edge_dim is not None:
            check_counts(edge_dim=edge_dim)
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
        self.edge_dim = edge_dim
        self.hidden_channels = out_channels // factors if concat else out_channels

        self.weight = torch.nn.Parameter(torch.empty(in_channels, self.hidden_channels))
        self.bias = torch.nn.Parameter(torch.empty(self.hidden_channels)) if bias else None
        self.att_source = torch.nn.Parameter(torch.empty(self.hidden_channels, factors))
        self.att_target = torch.nn.Parameter(torch.empty(self.hidden_channels, factors))
        self.att_source_bias = torch.nn.Parameter(torch.empty(factors))
        self.att_target_bias = torch.nn.Parameter(torch.empty(factors))
        self.att_edge = None if edge_dim is None else torch.nn.Parameter(torch.empty(edge_dim, factors))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets the weights (Glorot-uniform) and sets the biases to zero."""
        super().reset_parameters()
        for weight in (self.weight, self.att_source, self.att_target, self.att_edge):
            glorot(weight)
        for bias in (self.bias, self.att_source_bias, self.att_target_bias):
            zeros(bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        edge_weight: None = None,
        *,
        return_factors: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Returns the output features and, with ``return_factors``, the coefficients.

        Args:
            x (Tensor): Node features.
            edge_index (Tensor): Edges.
            edge_attr (Tensor, optional): Edge features, in the order of ``edge_index``; required with ``edge_dim``.
                (default: ``None``)
            edge_weight (optional): Must be ``None``; the layer computes the edge weights itself. (default: ``None``)
            return_factors (bool, optional): If ``True``, also returns the coefficients. (default: ``False``)

        Raises:
            InputError: If ``x`` or ``edge_attr`` has another shape than expected.
            InputTypeError: If an ``edge_weight`` is given, or an ``edge_attr`` without ``edge_dim``.
        """
        if edge_weight is not None:
            self._refuse("edge_weight", edge_weight, "leave it out")
        projection = self.project(x, edge_attr)
        out = self.aggregate_factors(projection, edge_index)
        if return_factors:
            return out, self.coefficients(projection, edge_index)
        return out

    def project(self, x: Tensor, edge_attr: Tensor | None = None) -> Projection:
        """Returns the shared features, and the terms of the scores of nodes and edges."""
        if not isinstance(x, Tensor) or x.dim() != 2 or x.size(1) != self.in_channels:
            got = f"a tensor of shape {list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
            raise InputError(
                f"expected `x` to be one tensor [N, {self.in_channels}] of all nodes, got {got}; "
                "set `in_channels` to the width of the features"
            )
        with full_precision(x):
            hidden = x @ self.weight
        if self.bias is not None:
            hidden = hidden + self.bias.to(hidden.dtype)
        source = torch.addmm(self.att_source_bias, hidden, self.att_source)
        target = torch.addmm(self.att_target_bias, hidden, self.att_target)
        edge = self._edge_terms(edge_attr)
        return Projection(
            hidden,
            source.to(hidden.dtype),
            target.to(hidden.dtype),
            None if edge is None else edge.to(hidden.dtype),
        )

    def _edge_terms(self, edge_attr: Tensor | None) -> Tensor | None:
        """Returns the edge terms of the factor scores ``[E, M]``."""
        if self.att_edge is None:
            if edge_attr is not None:
                self._refuse("edge_attr", edge_attr, "set `edge_dim` for edge features, or leave it out")
            return None
        if not isinstance(edge_attr, Tensor):
            got = "none" if edge_attr is None else type(edge_attr).__name__
            raise InputError(f"expected `edge_attr` [E, {self.edge_dim}], got {got}; pass it, or leave out `edge_dim`")
        rows = edge_attr.unsqueeze(1) if edge_attr.dim() == 1 else edge_attr
        if rows.dim() != 2 or rows.size(1) != self.edge_dim:
            raise InputError(
                f"expected `edge_attr` [E, {self.edge_dim}], got the shape {list(edge_attr.shape)}; set `edge_dim` to "
                "the number of features of an edge"
            )
        return rows.to(self.att_edge.dtype) @ self.att_edge

    def _refuse(self, name: str, value: object, remedy: str) -> NoReturn:
        """Raises an error for an argument per edge that the layer does not take."""
        got = "a tensor" if isinstance(value, Tensor) else repr(value)
        raise InputTypeError(
            f"expected no `{name}`, since {type(self).__name__} learns the weights of the edges, got {got}; "
            f"{remedy}, and pass `return_factors` by name"
        )

    def coefficients(self, projection: Projection, edge_index: Tensor) -> Tensor:
        """Returns the factor coefficients ``[E, M]`` in the order of ``edge_index``."""
        row, col = edge_index[0], edge_index[1]
        scores = projection.source[row] + projection.target[col]
        return torch.sigmoid(self.gain * (scores if projection.edge is None else scores + projection.edge))

    def aggregate_factors(
        self, projection: Projection, edge_index: Tensor, subgraph: SubgraphContext | None = None
    ) -> Tensor:
        """Aggregates the projected features over every factor graph.

        The output is ``[N, M * D]``, or ``[N, D]`` if ``concat`` is off.

        Args:
            projection (Projection): Output of :meth:`project`.
            edge_index (Tensor): Edges ``[2, E]``.
            subgraph (SubgraphContext, optional): Degrees in the full graph, for a sampled subgraph. (default: ``None``)
        """
        hidden, source, target, edge = projection
        if edge is not None and edge.size(0) != edge_index.size(1):
            raise InputError(
                f"expected `edge_attr` to have one row for each of the {edge_index.size(1)} edges, got {edge.size(0)}; "
                "give it in the order of `edge_index`"
            )
        norm = source_norm(edge_index, hidden, subgraph)
        if has_listeners(self):  # the same result through `message`, for explainers and hooks
            h = hidden * norm[:, None]
            out = self.propagate(edge_index, h=h, source=source, target=target, edge=edge)
        else:
            out = factor_aggregate(hidden, source, target, edge_index, norm, self.gain, edge)
        if self.norm == "both":
            out = out * norm[:, None, None]
        if subgraph is not None:
            out = out * subgraph.scale(edge_index, out)[:, None, None]
        return out.flatten(1) if self.concat else out.mean(dim=1)

    def message(self, h_j: Tensor, source_j: Tensor, target_i: Tensor, edge: OptTensor = None) -> Tensor:
        """Returns the messages of all factors, ``[E, M, D]``."""
        scores = source_j + target_i
        gates = torch.sigmoid(self.gain * (scores if edge is None else scores + edge))
        return gates.unsqueeze(-1) * h_j.unsqueeze(1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, factors={self.factors})"
