"""Shortest path attention convolution (SPAGAN)."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.parameter import Parameter
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros

from graphkit.errors import InputError
from graphkit.nn.hooks import has_listeners
from graphkit.nn.lazy_weight import LazyWeights, is_open, make_weight
from graphkit.nn.options import DEEPEST, check_choice, check_counts, check_flags, check_numbers, check_shares
from graphkit.nn.paths import path_edge_attr, path_edges, weighted_paths
from graphkit.nn.same_graph import SameGraph
from graphkit.nn.sparse import full_precision
from graphkit.ops import path_attention
from graphkit.ops._edges import check_node_ids

#: Gain of ``init="xavier-normal"``.
XAVIER_GAIN = 1.414


class PathAttention(NamedTuple):
    """Paths and attention coefficients of a :class:`SPAGANConv`.

    Args:
        path_index (list[Tensor]): Paths ``[h + 1, P_h]`` of each length, far ends in the first row, attending nodes in
            the last one.
        alpha (list[Tensor]): Attention ``[P_h, H]`` within each length; sums to one over the paths of a node of one
            length.
        beta (Tensor): Attention ``[N, H, L]`` across lengths; sums to one for a node with a path.
    """

    path_index: list[Tensor]
    alpha: list[Tensor]
    beta: Tensor

    def weights(self) -> list[Tensor]:
        """Returns the attention within all paths of a node, ``[P_h, H]`` per length."""
        rows = [path_index[-1] for path_index in self.path_index]
        return [alpha * self.beta[row, :, i] for i, (alpha, row) in enumerate(zip(self.alpha, rows, strict=True))]


class SPAGANConv(MessagePassing, LazyWeights):
    r"""Shortest path attention convolution (SPAGAN).

    Every node attends to the shortest paths of up to :math:`C` hops that end at it, first within each number of hops
    :math:`c`, then across these, in each of :math:`H` heads:

    .. math::
        \mathbf{h}_i &= \mathbf{W} \mathbf{x}_i + \mathbf{b}

        \boldsymbol{\phi}_p &= \mathrm{pool}_{v \in p, \, v \neq i} \; \mathbf{h}_v

        \alpha_p &= \mathrm{softmax}_{p \in P_i^c} \; \mathrm{LeakyReLU} \left(
        \mathbf{a}_c^{\top} \boldsymbol{\phi}_p + \mathbf{a}_c^{\prime\top} \mathbf{h}_i \right)

        \boldsymbol{\ell}_i^c &= \sum_{p \in P_i^c} \alpha_p \, \boldsymbol{\phi}_p

        \beta_i^c &= \mathrm{softmax}_c \; \mathrm{LeakyReLU} \left(
        \mathbf{d}^{\top} \boldsymbol{\ell}_i^c + \mathbf{d}^{\prime\top} \mathbf{h}_i \right)

        \mathbf{o}_i &= \sum_c \beta_i^c \, \boldsymbol{\ell}_i^c

    The paths :math:`P_i^c` of node :math:`i` include the self path :math:`(i, \ldots, i)` of each length. With a single
    length there is no second level: one hop is the attention of a GAT layer.

    With edge features :math:`\mathbf{e}` (``edge_dim``), the features of a path include those of its edges
    :math:`E(p)`, and both enter the scores; the edge part of a self path is zero:

    .. math::
        \boldsymbol{\psi}_p &= \mathbf{W}^e \, \frac{1}{|E(p)|} \sum_{e \in E(p)} \mathbf{e}_e

        \alpha_p &= \mathrm{softmax}_{p \in P_i^c} \; \mathrm{LeakyReLU} \left(
        \mathbf{a}_c^{\top} \boldsymbol{\phi}_p + \mathbf{b}^{\top} \boldsymbol{\psi}_p +
        \mathbf{a}_c^{\prime\top} \mathbf{h}_i \right)

        \boldsymbol{\ell}_i^c &= \sum_{p \in P_i^c} \alpha_p \left( \boldsymbol{\phi}_p + \boldsymbol{\psi}_p \right)

    With ``score="dynamic"``, the nonlinearity precedes the attention vector, and the attending node has a projection
    :math:`\mathbf{g}_i = \mathbf{W}' \mathbf{x}_i` instead of the vectors :math:`\mathbf{a}'`, as in GATv2; the second
    level is :math:`\mathbf{d}^{\top} \mathrm{LeakyReLU} (\boldsymbol{\ell}_i^c + \mathbf{g}_i)`:

    .. math::
        \alpha_p = \mathrm{softmax}_{p \in P_i^c} \; \mathbf{a}_c^{\top} \mathrm{LeakyReLU} \left(
        \boldsymbol{\phi}_p + \boldsymbol{\psi}_p + \mathbf{g}_i \right)

    Given an ``edge_index``, the layer computes the paths and is a drop-in replacement of
    :class:`~torch_geometric.nn.GATConv`. Between two sets of nodes, ``(x_source, x_target)``, each path is an edge,
    since targets have no edges to other targets; there are no self paths. A pair of the same tensor object, which
    :func:`~torch_geometric.nn.to_hetero` passes for edges within one node type, is one set of nodes, as is the tensor
    alone, which :class:`~torch_geometric.nn.HeteroConv` passes; a copy of the tensor is a second set. Given a list of
    ``path_index``, the layer attends to these paths only and adds no self paths
    (:class:`graphkit.transforms.ShortestPaths` does). Lengths may be omitted, and a length without a path of node
    :math:`i` is excluded from :math:`\beta_i`.

    Args:
        in_channels (int or tuple): Width of the input features, or those of sources and targets, which then have
            separate projections; -1 sets a width at the first call.
        out_channels (int): Width of the output of each head.
        heads (int, optional): Number of heads :math:`H`. (default: ``1``)
        max_hops (int, optional): Largest number of hops of a path :math:`C`. (default: ``2``)
        ratio (float, optional): Number of paths per node and length above one hop, relative to its degree; ``None`` for
            all. See :func:`graphkit.ops.shortest_paths`. (default: ``1.0``)
        pool (str, optional): Pooling over the nodes of a path, ``"max"`` (elementwise) or ``"mean"``.
            (default: ``"max"``)
        concat (bool, optional): If ``False``, the heads are averaged instead of concatenated. (default: ``True``)
        negative_slope (float, optional): Negative slope of the LeakyReLU. (default: ``0.2``)
        dropout (float, optional): Dropout of the attention within a length. (default: ``0.0``)
        cached (bool, optional): If ``True``, caches the paths of the latest graph. The cache is used for a graph with
            the same edges, weights and number of nodes. (default: ``False``)
        bias (bool, optional): If ``False``, the projection has no bias :math:`\mathbf{b}`. (default: ``True``)
        init (str, optional): Weight initialization: ``"glorot"`` (uniform, over all heads) or ``"xavier-normal"`` (per
            head, with a gain of 1.414, as in the released code). Biases are initialized to zero.
            (default: ``"glorot"``)
        edge_dim (int, optional): Width of the edge features; ``None`` for none. (default: ``None``)
        score (str, optional): ``"static"`` as in GAT, or ``"dynamic"`` as in GATv2. (default: ``"static"``)
        learn_costs (bool, optional): If ``True``, the layer searches for the paths by the costs of :meth:`edge_costs`,
            which are learned from edge features, instead of costs of 1. (default: ``False``)

    Shapes:
        - **input:** node features ``[N, F]`` (dense, or sparse COO or CSR), or a pair of these; either ``edge_index``
          ``[2, E]`` in any order, ``edge_weight`` ``[E]`` and ``edge_attr`` ``[E, edge_dim]``; or a list of
          ``path_index`` ``[h + 1, P_h]`` in any order, one per number of hops, far ends in the first row and attending
          nodes in the last one (fastest if sorted by the last row), and a list of ``edge_attr`` ``[P_h, edge_dim]``.
        - **output:** ``[N, H * out_channels]``, or ``[N, out_channels]`` if ``concat`` is off; with
          ``return_attention`` also a :class:`PathAttention`. The output of a node without paths is zero.

    Raises:
        InputError: If an argument is invalid, a weight is negative, infinite or NaN, a path is longer than
            ``max_hops``, or a path contains an invalid node id.

    Example:
        >>> conv = SPAGANConv(16, 8, heads=2)
        >>> edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 16])
        >>> conv = SPAGANConv(-1, 8, edge_dim=4, score="dynamic")
        >>> conv(torch.randn(3, 16), edge_index, edge_attr=torch.randn(3, 4)).shape
        torch.Size([3, 8])

    Notes:
        No tensor has a row of ``H * out_channels`` numbers per edge or path: the edge features of a path are averaged
        before they are projected. Only ``score="dynamic"`` needs such rows, for its nonlinearity.

        ``edge_weight`` is the *length* (cost) of an edge, at least zero. It gets no gradient. Convert similarities to
        lengths first; :func:`graphkit.nn.attention_cost` does so for attention.

        Paths are computed on the CPU, outside of compiled graphs. ``torch.compile(fullgraph=True)`` and
        ``torch.export`` require precomputed paths.

        Messages are path features ``[P_h, H, out_channels]``, and hooks are called once per length. Explainers that
        mask edges (such as :class:`~torch_geometric.explain.GNNExplainer`) require an ``edge_index``, or ``edges`` with
        precomputed paths: the mask of a path is the product of its edge masks, and 1 for a self path. Explainers that
        read one coefficient per edge (:class:`~torch_geometric.explain.AttentionExplainer`) are not supported; use
        ``return_attention``.

    Reference:
        Yang, Wang, Song, Yuan and Tao, `SPAGAN: Shortest Path Graph Attention Network
        <https://arxiv.org/abs/2101.03464>`_, IJCAI 2019.

    Differences:
        The paper does not specify the pooling; the released code uses the maximum. The released code supports paths of
        one and two hops only, initializes weights and biases Xavier-normal with a gain of 1.414 (here ``init``, and
        zero biases, without which training on CiteSeer fails) and adds 9e-15 to the softmax denominators. It takes edge
        costs from the attention of an earlier phase, see :class:`graphkit.nn.SPAGAN`, and has neither edge features nor
        dynamic scores. Ties between paths of equal length are broken by node id, so that the selected paths of an
        unweighted graph depend on the node order.
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        heads: int = 1,
        max_hops: int = 2,
        ratio: float | None = 1.0,
        pool: str = "max",
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        cached: bool = False,
        bias: bool = True,
        init: str = "glorot",
        edge_dim: int | None = None,
        score: str = "static",
        learn_costs: bool = False,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        pair = in_channels if isinstance(in_channels, tuple) else (in_channels, in_channels)
        if len(pair) != 2:
            raise InputError(f"`in_channels` must be a width or a pair of widths (got {in_channels!r})")
        for width in pair:
            if type(width) is not int or width != -1:  # -1: set by the first call
                check_counts(in_channels=width)
        check_counts(out_channels=out_channels, heads=heads)
        check_counts(most=DEEPEST, max_hops=max_hops)
        if edge_dim is not None:
            check_counts(edge_dim=edge_dim)
        if ratio is not None:
            check_numbers(ratio=ratio)
            if ratio <= 0:
                raise InputError(f"`ratio` must be greater than 0 and finite, or None for all paths (got {ratio})")
        check_choice("pool", pool, ("max", "mean"))
        check_numbers(negative_slope=negative_slope)
        check_shares(dropout=dropout)
        check_flags(concat=concat, cached=cached, bias=bias, learn_costs=learn_costs)
        check_choice("init", init, ("glorot", "xavier-normal"))
        check_choice("score", score, ("static", "dynamic"))
        if learn_costs and (edge_dim is None or score == "dynamic"):
            raise InputError(
                f"`learn_costs` needs edge features and a static score (got edge_dim={edge_dim} and score='{score}'); "
                "set `edge_dim`, or leave it out"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.max_hops = max_hops
        self.ratio = ratio
        self.pool = pool
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.cached = cached
        self.init = init
        self.edge_dim = edge_dim
        self.score = score
        self.learn_costs = learn_costs
        self._cache: tuple[SameGraph, list[Tensor], list[Tensor]] | None = None

        def vectors() -> Parameter:
            return Parameter(torch.empty(heads, out_channels))

        width, is_static = heads * out_channels, score == "static"
        self.weight = make_weight(pair[0], width)
        self.bias = Parameter(torch.empty(width)) if bias else None
        self.att_path = torch.nn.ParameterList(vectors() for _ in range(max_hops))
        self.att_target = torch.nn.ParameterList(vectors() for _ in range(max_hops if is_static else 0))
        self.att_length = vectors() if max_hops > 1 else None
        self.att_length_target = vectors() if max_hops > 1 and is_static else None
        own_target = isinstance(in_channels, tuple) or not is_static
        self.weight_target = make_weight(pair[1], width) if own_target else None
        self.weight_edge = None if edge_dim is None else make_weight(edge_dim, width)
        self.att_edge = vectors() if edge_dim is not None and is_static else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets the weights, sets the bias to zero and clears the path cache."""
        super().reset_parameters()
        self._cache = None
        vectors = (*self.att_path, *self.att_target, self.att_length, self.att_length_target, self.att_edge)
        self.init_weight(self.weight)
        for vector in vectors:
            if self.init == "glorot":
                glorot(vector)
            else:  # a head's pair of attention vectors is one row of a score
                _xavier_normal(vector, 1 + 2 * self.out_channels)
        for weight in (self.weight_target, self.weight_edge):
            self.init_weight(weight)
        zeros(self.bias)

    def init_weight(self, weight: Tensor | None) -> None:
        """Initializes a projection of all heads, unless its input width is not set yet."""
        if weight is None or is_open(weight):
            return
        if self.init == "glorot":
            glorot(weight)
        else:
            _xavier_normal(weight, weight.size(0) + self.out_channels)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Tensor | Sequence[Tensor],
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | Sequence[Tensor] | None = None,
        *,
        return_attention: bool = False,
        return_attention_weights: bool | None = None,
        edges: Tensor | None = None,
    ) -> Any:
        """Returns the output features and, on request, the attention.

        Args:
            x (Tensor or tuple): Node features, or those of sources and targets in a bipartite graph.
            edge_index (Tensor or Sequence[Tensor]): Edges, or a list with the paths of each length.
            edge_weight (Tensor, optional): Length of each edge, only with edges; 1 if ``None``. (default: ``None``)
            edge_attr (Tensor or Sequence[Tensor], optional): Features of each edge; with paths, a list with the mean
                features of the edges of each path, see :func:`graphkit.nn.path_edge_attr`. (default: ``None``)
            return_attention (bool, optional): If ``True``, also returns a :class:`PathAttention`. (default: ``False``)
            return_attention_weights (bool, optional): If ``True``, also returns ``(edge_index, alpha)`` as
                :class:`~torch_geometric.nn.GATConv` does: the paths and their attention within all paths of a node;
                lists of these for several lengths. (default: ``None``)
            edges (Tensor, optional): Edges of precomputed paths; used by explainers that mask edges only.
                (default: ``None``)
        """
        source, target = self._ends(x)
        is_pair = target is not source  # `to_hetero` passes a tensor twice for edges within one node type
        paths, path_attr, edges = self._paths(source, target, edge_index, edge_weight, edge_attr, edges)
        h = rows = self.project(source)
        if self.weight_target is not None:
            with full_precision(target):
                rows = (target @ self.weight_target).view(-1, self.heads, self.out_channels)
        elif is_pair:
            rows = self.project(target)
        num_targets = rows.size(0)
        if is_pair:  # the operator has one set of nodes
            size = max(h.size(0), num_targets)
            h, rows = (F.pad(t, (0, 0, 0, 0, 0, size - t.size(0))) for t in (h, rows))
        levels, alphas = [], []
        terms = rows.expand(len(paths) + 1, *rows.shape) if self.score == "dynamic" else self._terms(rows, paths)
        for number, path_index in enumerate(paths):
            attr = None if path_attr is None else path_attr[number].to(h.dtype)
            level, alpha = self._attend(h, path_index, terms[number], attr, edges, is_pair)
            levels.append(level)
            alphas.append(alpha)
        out, beta = self._across(levels, terms[-1], paths)
        out, beta = (t[:num_targets] if is_pair else t for t in (out, beta))
        out = out.flatten(1) if self.concat else out.mean(dim=1)
        if not return_attention and not return_attention_weights:
            return out
        attention = PathAttention(paths, alphas, beta)
        if return_attention:
            return out, attention
        weights = attention.weights()
        return out, ((paths[0], weights[0]) if len(paths) == 1 else (paths, weights))

    def _ends(self, x: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the features of sources and targets, and sets open input widths."""
        source, target = x if isinstance(x, (tuple, list)) and len(x) == 2 else (x, x)
        if not isinstance(source, Tensor) or not isinstance(target, Tensor):
            raise InputError(f"expected `x` to be a tensor [N, F] or a pair of them, got {_kinds(x)}")
        rows = {"weight": source.size(-1)}
        if self.weight_target is not None:
            rows["weight_target"] = target.size(-1)
        self.set_rows(self.heads * self.out_channels, **rows)
        return source, target

    def _paths(
        self,
        source: Tensor,
        target: Tensor,
        edge_index: Tensor | Sequence[Tensor],
        edge_weight: Tensor | None,
        edge_attr: Tensor | Sequence[Tensor] | None,
        edges: Tensor | None,
    ) -> tuple[list[Tensor], list[Tensor] | None, Tensor | None]:
        """Returns the paths of each length, their edge features, and the edges."""
        if (edge_attr is None) != (self.edge_dim is None):
            raise InputError(
                f"expected {'no ' if self.edge_dim is None else ''}`edge_attr` with edge_dim={self.edge_dim}, got "
                f"{_kinds(edge_attr)}; set `edge_dim` to the number of edge features, or to None without any"
            )
        if edge_weight is not None and (self.learn_costs or target is not source):
            raise InputError(
                "expected no `edge_weight` for "
                + ("learned costs" if self.learn_costs else "edges between two sets of nodes, whose paths have one hop")
                + f", got {_kinds(edge_weight)}; leave it out"
            )
        if not isinstance(edge_index, Tensor):
            if edge_weight is not None:
                raise InputError(
                    "`edge_weight` is for an `edge_index` (got it with paths, which have been found already)"
                )
            paths = self._checked(edge_index)
            if target is not source and max(map(len, paths)) > 2:
                raise InputError(
                    f"expected paths of one hop between two sets of nodes, got {max(map(len, paths)) - 1} hops; pass "
                    "the features of one set of nodes, or paths of one hop"
                )
            return paths, self._checked_features(edge_attr, paths), edges
        if target is not source:  # targets have no edges to other targets: each path is an edge
            if not torch.compiler.is_compiling():
                for name, row, x in (("x[0]", edge_index[0], source), ("x[1]", edge_index[1], target)):
                    check_node_ids("edge_index", row, x.size(0), f"`{name}`")
            return [edge_index], self._checked_features([edge_attr], [edge_index]), edge_index
        features = self._checked_features([edge_attr], [edge_index])
        attr = None if features is None else features[0]
        if self.learn_costs and attr is not None:
            edge_weight = self.edge_costs(attr)
        paths, edge_ids = self._find(edge_index, source.size(0), edge_weight)
        return paths, None if attr is None else path_edge_attr(attr, edge_ids), edge_index

    def _checked_features(self, edge_attr: Any, paths: Sequence[Tensor]) -> list[Tensor] | None:
        """Validates the edge features of edges or paths, ``[P_h, edge_dim]``."""
        if self.edge_dim is None:
            return None
        if not isinstance(edge_attr, (list, tuple)) or len(edge_attr) != len(paths):
            raise InputError(
                f"expected `edge_attr` to be a list with the features of {len(paths)} sets of paths, got "
                f"{_kinds(edge_attr)}; see graphkit.nn.path_edge_attr"
            )
        features = []
        for attr, path_index in zip(edge_attr, paths, strict=True):
            if self.edge_dim == 1 and isinstance(attr, Tensor) and attr.dim() == 1:
                attr = attr[:, None]
            if not isinstance(attr, Tensor) or attr.shape != (path_index.size(1), self.edge_dim):
                raise InputError(
                    f"expected `edge_attr` of shape {[path_index.size(1), self.edge_dim]}, one row per edge or path "
                    f"and `edge_dim` columns, got {_kinds(attr)}; set `edge_dim` to the number of edge features"
                )
            features.append(attr)
        return features

    def find_paths(self, edge_index: Tensor, num_nodes: int, edge_weight: Tensor | None = None) -> list[Tensor]:
        """Returns the shortest paths of each length, including self paths."""
        return self._find(edge_index, num_nodes, edge_weight)[0]

    @torch.compiler.disable
    def _find(
        self, edge_index: Tensor, num_nodes: int, edge_weight: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns the shortest paths of each length and, if needed, their edge ids."""
        if self._cache is not None and self._cache[0](edge_index, edge_weight, num_nodes):
            return self._cache[1:]
        paths = weighted_paths(edge_index, edge_weight, self.max_hops, self.ratio, num_nodes)
        edge_ids = [] if self.edge_dim is None else path_edges(paths, edge_index, num_nodes, edge_weight)
        if self.cached:
            self._cache = SameGraph(edge_index, edge_weight, num_nodes), paths, edge_ids
        return paths, edge_ids

    @torch.no_grad()
    def edge_costs(self, edge_attr: Tensor) -> Tensor:
        r"""Returns the costs ``[E]`` of edges by their part of the scores.

        .. math::
            c_e = -\log \sigma \left( \frac{1}{H} \sum_h \mathbf{b}_h^{\top} \mathbf{W}^e_h \mathbf{e} \right)

        The costs have no gradients: :math:`\mathbf{W}^e` and :math:`\mathbf{b}` are learned through the attention
        scores of the paths.

        Args:
            edge_attr (Tensor): Features of the edges ``[E, edge_dim]``.
        """
        vectors = self.edge_vectors()
        return F.softplus(-(edge_attr.to(vectors.dtype) @ vectors).mean(dim=1))

    def project(self, x: Tensor) -> Tensor:
        """Returns the features of all heads, ``[N, H, out_channels]``."""
        with full_precision(x):
            h = x @ self.weight
        if self.bias is not None:
            h = h + self.bias.to(h.dtype)
        return h.view(-1, self.heads, self.out_channels)

    def _edge_maps(self) -> Tensor:
        """Returns the projections of edge features, ``[edge_dim, H, out_channels]``."""
        assert self.weight_edge is not None
        return self.weight_edge.view(-1, self.heads, self.out_channels)

    def edge_vectors(self) -> Tensor:
        """Returns the vectors ``[edge_dim, H]`` that score edge features."""
        assert self.att_edge is not None
        return torch.einsum("fhd,hd->fh", self._edge_maps(), self.att_edge)

    def _terms(self, rows: Tensor, paths: list[Tensor]) -> Tensor:
        """Returns the score terms ``[L, N, H]`` of attending nodes, in one product."""
        vectors = [self.att_target[path_index.size(0) - 2] for path_index in paths]
        if len(paths) > 1 and self.att_length_target is not None:
            vectors.append(self.att_length_target)
        return torch.einsum("nhd,khd->knh", rows, torch.stack(vectors).to(rows.dtype)).to(rows.dtype)

    def _checked(self, paths: Sequence[Tensor]) -> list[Tensor]:
        """Validates the shapes of a list of path tensors."""
        if not isinstance(paths, (list, tuple)) or not paths:
            raise InputError(f"`edge_index` must be a tensor [2, E] or a list of path tensors (got {paths!r})")
        rows = []
        for path_index in paths:
            if not isinstance(path_index, Tensor) or path_index.dim() != 2:
                came = list(path_index.shape) if isinstance(path_index, Tensor) else path_index
                raise InputError(
                    f"a `path_index` must be an integer tensor [h + 1, P], whose paths have equal length (got {came!r})"
                )
            rows.append(path_index.size(0))
        if min(rows) < 2 or max(rows) > self.max_hops + 1 or len(set(rows)) < len(rows):
            raise InputError(
                f"each `path_index` must have its own number of rows, from 2 to {self.max_hops + 1} as paths have from "
                f"1 to {self.max_hops} hops (got {rows}); change `max_hops` or the paths"
            )
        return list(paths)

    def _attend(
        self,
        h: Tensor,
        path_index: Tensor,
        target: Tensor,
        attr: Tensor | None,
        edges: Tensor | None,
        is_pair: bool,
    ) -> tuple[Tensor, Tensor]:
        """Returns the output and the attention ``[P, H]`` of paths of one length."""
        weight = term = None
        if self.training and self.dropout > 0:
            weight = F.dropout(h.new_ones(path_index.size(1), self.heads), self.dropout)
        att, slope = self.att_path[path_index.size(0) - 2].to(h.dtype), self.negative_slope
        plain = path_index.as_tensor() if isinstance(path_index, EdgeIndex) else path_index
        if self.score == "dynamic":  # the operator adds up only
            term = self._dynamic_scores(h, plain, target, att, attr)
            att, slope, target = torch.zeros_like(att), 1.0, target.new_zeros(target.shape[:2])
        elif attr is not None:
            term = (attr @ self.edge_vectors().to(attr.dtype)).to(h.dtype)
        out, alpha = path_attention(
            h,
            path_index,
            att,
            target,
            pool=self.pool,
            negative_slope=slope,
            weight=weight,
            term=term,
            return_attention=True,
        )
        if has_listeners(self):  # the same result through `message`, for explainers and hooks
            share = alpha if weight is None else alpha * weight
            if self.explain:
                share = share * self._path_mask(plain, edges, h.size(0), is_pair)[:, None]
            edge_index = torch.stack([torch.arange(plain.size(1), device=h.device), plain[-1]])
            phi = self._features(h, plain, attr)
            size = (plain.size(1), h.size(0))
            out = self.propagate(edge_index, size=size, phi=phi, share=share)  # type: ignore[operator]
        elif attr is not None:
            share = alpha if weight is None else alpha * weight
            pooled = attr.new_zeros(h.size(0), self.heads, attr.size(1))
            pooled = pooled.index_add(0, plain[-1].long(), share.unsqueeze(-1) * attr.unsqueeze(1))
            out = out + torch.einsum("nhf,fhd->nhd", pooled, self._edge_maps().to(attr.dtype)).to(out.dtype)
        return out, alpha

    def _features(self, h: Tensor, path_index: Tensor, attr: Tensor | None) -> Tensor:
        """Returns the features of paths, ``[P, H, out_channels]``."""
        phi = _pooled(h, path_index[:-1], self.pool)
        if attr is None:
            return phi
        return phi + torch.einsum("pf,fhd->phd", attr, self._edge_maps().to(attr.dtype)).to(phi.dtype)

    def _dynamic_scores(
        self, h: Tensor, path_index: Tensor, target: Tensor, att: Tensor, attr: Tensor | None
    ) -> Tensor:
        """Returns the scores ``[P, H]`` with the nonlinearity before the vector."""
        hidden = self._features(h, path_index, attr) + target.index_select(0, path_index[-1].long())
        return (F.leaky_relu(hidden, self.negative_slope) * att).sum(dim=-1).to(h.dtype)

    def _across(self, levels: list[Tensor], target: Tensor, paths: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the output of all heads and the attention across lengths."""
        if len(levels) == 1 or self.att_length is None:
            return levels[0], target.new_ones(*target.shape[:2], 1)
        att = self.att_length.to(target.dtype)
        # Lengths in the first dimension: a softmax over a short last dimension is slow.
        if self.score == "dynamic":
            score = torch.stack([(F.leaky_relu(x + target, self.negative_slope) * att).sum(-1) for x in levels])
        else:
            score = torch.stack([torch.einsum("nhd,hd->nh", level, att) for level in levels]) + target
            score = F.leaky_relu(score, self.negative_slope)
        nowhere = torch.ones(target.size(0), dtype=torch.bool, device=target.device)
        absent = torch.stack([nowhere.index_fill(0, path_index[-1].long(), False) for path_index in paths])
        beta = score.masked_fill(absent[..., None], torch.finfo(score.dtype).min).softmax(dim=0)
        out = levels[0] * beta[0].unsqueeze(-1)
        for share, level in zip(beta[1:].unbind(0), levels[1:], strict=True):
            out = out + level * share.unsqueeze(-1)
        return out, beta.permute(1, 2, 0)

    def message(self, phi_j: Tensor, share: Tensor) -> Tensor:
        """Returns the messages of all paths, ``[P, H, out_channels]``."""
        return share.unsqueeze(-1) * phi_j

    def explain_message(self, inputs: Tensor) -> Tensor:
        """Returns the messages unchanged; edge masks are applied in :meth:`message`."""
        return inputs

    def _path_mask(self, path_index: Tensor, edges: Tensor | None, num_nodes: int, is_pair: bool) -> Tensor:
        """Returns the explainer mask of each path, ``[P]``: the product of its edge masks."""
        mask = cast("Tensor | None", self._edge_mask)
        if mask is None or edges is None or edges.size(1) != mask.size(0):
            raise InputError(
                "expected the masked edges to be those of the paths; call the layer with `edge_index`, or pass "
                "`edges` with precomputed paths"
            )
        mask = mask.sigmoid() if self._apply_sigmoid else mask
        if is_pair:
            return mask
        (edge_ids,) = path_edges([path_index], edges, num_nodes)
        return torch.where(edge_ids >= 0, mask[edge_ids], 1.0).prod(dim=0)

    def __repr__(self) -> str:
        weights = (self.weight, self.weight_target) if isinstance(self.in_channels, tuple) else (self.weight,)
        rows = tuple(-1 if is_open(w) else w.size(0) for w in weights if w is not None)
        widths = f"{rows if len(rows) > 1 else rows[0]}, {self.out_channels}, heads={self.heads}"
        edges = "" if self.edge_dim is None else f", edge_dim={self.edge_dim}"
        return f"{self.__class__.__name__}({widths}, max_hops={self.max_hops}{edges})"


def _pooled(h: Tensor, nodes: Tensor, pool: str) -> Tensor:
    """Returns the features of paths, ``[P, H, D]``, pooled over the rows of ``nodes``."""
    phi = h[nodes[0]]
    for row in nodes[1:]:
        phi = phi + h[row] if pool == "mean" else torch.where(h[row] > phi, h[row], phi)
    return phi / len(nodes) if pool == "mean" else phi


def _kinds(value: Any) -> str:
    """Returns a short description of an argument for error messages."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_kinds, value))}]"
    return f"shape {list(value.shape)}" if isinstance(value, Tensor) else repr(value)[:80]


def _xavier_normal(weight: Tensor | None, fans: int) -> None:
    """Initializes a weight Xavier-normal, given the sum of its fan-in and fan-out."""
    if weight is not None:
        torch.nn.init.normal_(weight, std=XAVIER_GAIN * (2 / fans) ** 0.5)
