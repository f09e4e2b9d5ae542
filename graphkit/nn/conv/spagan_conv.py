"""Attention over shortest paths: the layer of SPAGAN."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros

from graphkit.errors import InputError
from graphkit.nn.hooks import has_listeners
from graphkit.nn.options import DEEPEST, check_choice, check_counts, check_flags, check_numbers, check_shares
from graphkit.nn.paths import edges_of_paths, weighted_paths
from graphkit.nn.same_graph import SameGraph
from graphkit.nn.sparse import full_precision
from graphkit.ops import path_attention

#: Gain of ``init="xavier-normal"``.
XAVIER_GAIN = 1.414


class PathAttention(NamedTuple):
    """What the nodes of a :class:`SPAGANConv` looked at, and how much.

    Args:
        path_index: For each length the paths ``[h + 1, P_h]``, far ends first, attending nodes last.
        alpha: For each length the attention within it ``[P_h, H]``; that of a node's paths of one length sums to one.
        beta: The attention across lengths ``[N, H, L]``; sums to one for a node that has a path.
    """

    path_index: list[Tensor]
    alpha: list[Tensor]
    beta: Tensor

    def weights(self) -> list[Tensor]:
        """Returns what each path has of its node's attention in all, ``alpha * beta`` ``[P_h, H]`` for each length."""
        rows = [path_index[-1] for path_index in self.path_index]
        return [alpha * self.beta[row, :, i] for i, (alpha, row) in enumerate(zip(self.alpha, rows, strict=True))]


class SPAGANConv(MessagePassing):
    r"""The layer of `SPAGAN: Shortest Path Graph Attention Network <https://arxiv.org/abs/2101.03464>`_ (IJCAI 2019).

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
    length the second level is left out, so that one hop is the attention of a GAT layer.

    Called with an ``edge_index`` the layer finds the paths itself and takes the place of a
    :class:`~torch_geometric.nn.GATConv`. Called with a list of ``path_index`` it attends to these as they are: self
    paths are among them or are not (:class:`graphkit.transforms.ShortestPaths` puts them there), any of the lengths up
    to ``max_hops`` may be left out, and lengths that a node has no path of take no part in its :math:`\beta_i`.

    Args:
        in_channels: Width of the input features.
        out_channels: Width of the output of each head.
        heads: Number of heads :math:`H`.
        max_hops: Largest number of hops of a path :math:`C`.
        ratio: How many of its cheapest paths a node keeps of each length above one hop, as a share of its degree;
            ``None`` for all. See :func:`graphkit.ops.shortest_paths`.
        pool: How the nodes of a path are pooled, ``"max"`` (element by element) or ``"mean"``.
        concat: Whether the heads are concatenated or averaged.
        negative_slope: Slope of the LeakyReLU below zero.
        dropout: Dropout of the attention within a length, while training.
        cached: Whether the paths of the latest graph are kept, beside a copy of its edges and weights. They are used
            for a graph with the same edges, weights and number of nodes only.
        bias: Whether the projection has a bias :math:`\mathbf{b}`.
        init: How weights are drawn: ``"glorot"``, uniform, over all heads together; or ``"xavier-normal"``, for each
            head by itself, with a gain of 1.414, as the released code does it. The bias begins at zero in both.

    Shapes:
        - **input:** node features ``[N, F]`` (dense, or sparse COO or CSR, which stay sparse); ``edge_index``
          ``[2, E]`` in any order, and ``edge_weight`` ``[E]``; or, in their place, a list of ``path_index``
          ``[h + 1, P_h]`` in any order, one for each number of hops, far ends in the first row and attending nodes in
          the last one. Sorted by the last row is fastest.
        - **output:** ``[N, H * out_channels]``, or ``[N, out_channels]`` if ``concat`` is off; with
          ``return_attention`` also a :class:`PathAttention`. Nodes without any path get zeros.

    Raises:
        ValueError: If an argument has no such value, a weight is negative, infinite or not a number, a path is longer
            than ``max_hops``, or a path names a node that does not exist.

    Notes:
        ``edge_weight`` is a *length*: what it costs to go along an edge, zero or more, by default 1. No gradient
        reaches it. Turn similarities into lengths first; :func:`graphkit.nn.attention_cost` does so for attention.

        Paths are found on the CPU, outside of any graph that is compiled. ``torch.compile(fullgraph=True)`` and
        ``torch.export`` need them given.

        A message is what one path brings, ``[P_h, H, out_channels]``, and hooks see the lengths one after the other.
        Explainers that mask edges (such as :class:`~torch_geometric.explain.GNNExplainer`) work on calls with an
        ``edge_index``: a path counts by the product of its edges' masks, a self path always counts in full. For given
        paths, pass the graph's edges as ``edges``. Explainers that read one coefficient per edge off a layer
        (:class:`~torch_geometric.explain.AttentionExplainer`) do not fit, for paths have none: use
        ``return_attention``.

    Reference:
        Yang, Wang, Song, Yuan and Tao, *SPAGAN: Shortest Path Graph Attention Network*, IJCAI 2019.

    Differences:
        The paper leaves the pooling open; the released code takes the maximum. That code knows paths of one and two
        hops only, draws its first weights Xavier-normal with a gain of 1.414 (here an option, ``init``), its biases
        too (here they are zero: those of the released kind keep CiteSeer from training), and adds 9e-15 to the sums of
        its softmax. It takes edge costs from the attention of an earlier phase: that is the
        model's part, see :class:`graphkit.nn.SPAGAN`. Ties between paths, which equal lengths bring, are broken by
        node numbers, so that on a graph without weights another numbering can give another of several shortest paths.
    """

    def __init__(
        self,
        in_channels: int,
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
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        for name, count in (("heads", heads), ("max_hops", max_hops)):
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise InputError(f"`{name}` must be a whole number of at least 1 (got {count!r})")
        check_counts(in_channels=in_channels, out_channels=out_channels, heads=heads)
        check_counts(most=DEEPEST, max_hops=max_hops)
        if ratio is not None:
            check_numbers(ratio=ratio)
            if ratio <= 0:
                raise InputError(f"`ratio` must be greater than 0 and finite, or None for all paths (got {ratio})")
        check_choice("pool", pool, ("max", "mean"))
        check_numbers(negative_slope=negative_slope)
        check_shares(dropout=dropout)
        check_flags(concat=concat, cached=cached, bias=bias)
        check_choice("init", init, ("glorot", "xavier-normal"))
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
        self._cache: tuple[SameGraph, list[Tensor]] | None = None

        def vectors() -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.empty(heads, out_channels))

        self.weight = torch.nn.Parameter(torch.empty(in_channels, heads * out_channels))
        self.bias = torch.nn.Parameter(torch.empty(heads * out_channels)) if bias else None
        self.att_path = torch.nn.ParameterList(vectors() for _ in range(max_hops))
        self.att_target = torch.nn.ParameterList(vectors() for _ in range(max_hops))
        self.att_length = vectors() if max_hops > 1 else None
        self.att_length_target = vectors() if max_hops > 1 else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights, sets the bias to zero and forgets paths that were kept."""
        super().reset_parameters()
        self._cache = None
        vectors = (*self.att_path, *self.att_target, self.att_length, self.att_length_target)
        if self.init == "glorot":
            for weight in (self.weight, *vectors):
                glorot(weight)
        else:  # a head's pair of attention vectors is one row of a score
            _xavier_normal(self.weight, self.in_channels + self.out_channels)
            for vector in vectors:
                _xavier_normal(vector, 1 + 2 * self.out_channels)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor | Sequence[Tensor],
        edge_weight: Tensor | None = None,
        *,
        return_attention: bool = False,
        edges: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, PathAttention]:
        """Attends to the shortest paths along the edges, or to the given paths.

        Args:
            x: Node features.
            edge_index: Edges, or a list with the paths of each length.
            edge_weight: What it costs to go along each edge; nothing for 1. Only with edges.
            return_attention: Whether to return the attention of both levels too.
            edges: The edges that given paths run along; only read while an explainer masks edges.
        """
        if isinstance(edge_index, Tensor):
            paths, edges = self.find_paths(edge_index, x.size(0), edge_weight), edge_index
        elif edge_weight is not None:
            raise InputError("`edge_weight` is for an `edge_index` (got it with paths, which have been found already)")
        else:
            paths = self._checked(edge_index)
        h = self.project(x)
        # What the attending node itself adds to all scores, of both levels, in one product.
        vectors = [self.att_target[path_index.size(0) - 2] for path_index in paths]
        if len(paths) > 1 and self.att_length_target is not None:
            vectors.append(self.att_length_target)
        targets = torch.einsum("nhd,khd->knh", h, torch.stack(vectors).to(h.dtype)).to(h.dtype)
        levels, alphas = [], []
        for path_index, target in zip(paths, targets[: len(paths)].unbind(0), strict=True):
            level, alpha = self._attend(h, path_index, target, edges)
            levels.append(level)
            alphas.append(alpha)
        out, beta = self._across(levels, targets[-1], paths)
        out = out.flatten(1) if self.concat else out.mean(dim=1)
        return (out, PathAttention(paths, alphas, beta)) if return_attention else out

    @torch.compiler.disable
    def find_paths(self, edge_index: Tensor, num_nodes: int, edge_weight: Tensor | None = None) -> list[Tensor]:
        """Returns the paths of each length, self paths included, that the layer attends to for these edges."""
        if self._cache is not None and self._cache[0](edge_index, edge_weight, num_nodes):
            return self._cache[1]
        paths = weighted_paths(edge_index, edge_weight, self.max_hops, self.ratio, num_nodes)
        if self.cached:
            self._cache = SameGraph(edge_index, edge_weight, num_nodes), paths
        return paths

    def project(self, x: Tensor) -> Tensor:
        """Returns the features of all heads, ``[N, H, out_channels]``."""
        with full_precision(x):
            h = x @ self.weight
        if self.bias is not None:
            h = h + self.bias.to(h.dtype)
        return h.view(-1, self.heads, self.out_channels)

    def _checked(self, paths: Sequence[Tensor]) -> list[Tensor]:
        """Refuses what is not one tensor of paths for each of some lengths; looks at shapes only."""
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

    def _attend(self, h: Tensor, path_index: Tensor, target: Tensor, edges: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the first level for paths of one length, ``[N, H, out_channels]``, and its attention ``[P, H]``."""
        weight = None
        if self.training and self.dropout > 0:
            weight = F.dropout(h.new_ones(path_index.size(1), self.heads), self.dropout)
        out, alpha = path_attention(
            h,
            path_index,
            self.att_path[path_index.size(0) - 2].to(h.dtype),
            target,
            pool=self.pool,
            negative_slope=self.negative_slope,
            weight=weight,
            return_attention=True,
        )
        if has_listeners(self):  # the same numbers through `message`, for explainers and hooks
            path_index = path_index.as_tensor() if isinstance(path_index, EdgeIndex) else path_index
            share = alpha if weight is None else alpha * weight
            if self.explain:
                share = share * self._path_mask(path_index, edges, h.size(0))[:, None]
            edge_index = torch.stack([torch.arange(path_index.size(1), device=h.device), path_index[-1]])
            size = (path_index.size(1), h.size(0))
            out = self.propagate(edge_index, size=size, phi=_pooled(h, path_index[:-1], self.pool), share=share)
        return out, alpha

    def _across(self, levels: list[Tensor], target: Tensor, paths: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the second level: the output of all heads, and the attention across lengths ``[N, H, L]``."""
        if len(levels) == 1 or self.att_length is None:
            return levels[0], target.new_ones(*target.shape, 1)
        att = self.att_length.to(target.dtype)
        # Lengths come first: they are few, and a softmax over a short last dimension is slow.
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
        """Returns what each path brings, ``[P, H, out_channels]``."""
        return share.unsqueeze(-1) * phi_j

    def explain_message(self, inputs: Tensor) -> Tensor:
        """Returns the messages as they are: they hold the masks of their paths' edges already."""
        return inputs

    def _path_mask(self, path_index: Tensor, edges: Tensor | None, num_nodes: int) -> Tensor:
        """Returns how much an explainer lets each path count, ``[P]``: the product over its edges."""
        mask: Tensor | None = self._edge_mask
        if mask is None or edges is None or edges.size(1) != mask.size(0):
            raise InputError(
                "to explain by edges, paths must be those of the edges that are masked; call the layer with "
                "`edge_index`, or pass `edges` beside given paths"
            )
        edge_ids, moves = edges_of_paths(path_index, edges, num_nodes)
        mask = mask.sigmoid() if self._apply_sigmoid else mask
        return torch.where(moves, mask[edge_ids], 1.0).prod(dim=0)

    def __repr__(self) -> str:
        widths = f"{self.in_channels}, {self.out_channels}, heads={self.heads}"
        return f"{self.__class__.__name__}({widths}, max_hops={self.max_hops})"


def _pooled(h: Tensor, nodes: Tensor, pool: str) -> Tensor:
    """Returns the features of paths, ``[P, H, D]``, pooled over the nodes in the rows."""
    phi = h[nodes[0]]
    for row in nodes[1:]:
        phi = phi + h[row] if pool == "mean" else torch.where(h[row] > phi, h[row], phi)
    return phi / len(nodes) if pool == "mean" else phi


def _xavier_normal(weight: Tensor | None, fans: int) -> None:
    """Draws a weight from a normal distribution, by the sum of its fans."""
    if weight is not None:
        torch.nn.init.normal_(weight, std=XAVIER_GAIN * (2 / fans) ** 0.5)
