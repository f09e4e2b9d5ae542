"""Shortest path attention convolution (SPAGAN)."""

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


class SPAGANConv(MessagePassing):
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

    Given an ``edge_index``, the layer computes the paths and is a drop-in replacement of
    :class:`~torch_geometric.nn.GATConv`. Given a list of ``path_index``, it attends to these paths only and adds no
    self paths (:class:`graphkit.transforms.ShortestPaths` does). Lengths may be omitted, and a length without a path of
    node :math:`i` is excluded from :math:`\beta_i`.

    Args:
        in_channels (int): Width of the input features.
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

    Shapes:
        - **input:** node features ``[N, F]`` (dense, or sparse COO or CSR); either ``edge_index`` ``[2, E]`` in any
          order and ``edge_weight`` ``[E]``, or a list of ``path_index`` ``[h + 1, P_h]`` in any order, one per number
          of hops, far ends in the first row and attending nodes in the last one (fastest if sorted by the last row).
        - **output:** ``[N, H * out_channels]``, or ``[N, out_channels]`` if ``concat`` is off; with
          ``return_attention`` also a :class:`PathAttention`. The output of a node without paths is zero.

    Raises:
        InputError: If an argument is invalid, a weight is negative, infinite or NaN, a path is longer than
            ``max_hops``, or a path contains an invalid node id.

    Example:
        >>> conv = SPAGANConv(16, 8, heads=2)
        >>> conv(torch.randn(3, 16), torch.tensor([[0, 1, 2], [1, 2, 0]])).shape
        torch.Size([3, 16])

    Notes:
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
        costs from the attention of an earlier phase, see :class:`graphkit.nn.SPAGAN`. Ties between paths of equal
        length are broken by node id, so that the selected paths of an unweighted graph depend on the node order.
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
        """Resets the weights, sets the bias to zero and clears the path cache."""
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
        """Returns the output features and, with ``return_attention``, the attention.

        Args:
            x (Tensor): Node features.
            edge_index (Tensor or Sequence[Tensor]): Edges, or a list with the paths of each length.
            edge_weight (Tensor, optional): Length of each edge, only with edges; 1 if ``None``. (default: ``None``)
            return_attention (bool, optional): If ``True``, also returns a :class:`PathAttention`. (default: ``False``)
            edges (Tensor, optional): Edges of precomputed paths; used by explainers that mask edges only.
                (default: ``None``)
        """
        if isinstance(edge_index, Tensor):
            paths, edges = self.find_paths(edge_index, x.size(0), edge_weight), edge_index
        elif edge_weight is not None:
            raise InputError("`edge_weight` is for an `edge_index` (got it with paths, which have been found already)")
        else:
            paths = self._checked(edge_index)
        h = self.project(x)
        # Terms of the attending node in the scores of both levels, in one product.
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
        """Returns the shortest paths of each length, including self paths."""
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

    def _attend(self, h: Tensor, path_index: Tensor, target: Tensor, edges: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the output and the attention ``[P, H]`` of paths of one length."""
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
        if has_listeners(self):  # the same result through `message`, for explainers and hooks
            path_index = path_index.as_tensor() if isinstance(path_index, EdgeIndex) else path_index
            share = alpha if weight is None else alpha * weight
            if self.explain:
                share = share * self._path_mask(path_index, edges, h.size(0))[:, None]
            edge_index = torch.stack([torch.arange(path_index.size(1), device=h.device), path_index[-1]])
            size = (path_index.size(1), h.size(0))
            out = self.propagate(edge_index, size=size, phi=_pooled(h, path_index[:-1], self.pool), share=share)
        return out, alpha

    def _across(self, levels: list[Tensor], target: Tensor, paths: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the output of all heads and the attention across lengths."""
        if len(levels) == 1 or self.att_length is None:
            return levels[0], target.new_ones(*target.shape, 1)
        att = self.att_length.to(target.dtype)
        # Lengths in the first dimension: a softmax over a short last dimension is slow.
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

    def _path_mask(self, path_index: Tensor, edges: Tensor | None, num_nodes: int) -> Tensor:
        """Returns the explainer mask of each path, ``[P]``: the product of its edge masks."""
        mask: Tensor | None = self._edge_mask
        if mask is None or edges is None or edges.size(1) != mask.size(0):
            raise InputError(
                "expected the masked edges to be those of the paths; call the layer with `edge_index`, or pass "
                "`edges` with precomputed paths"
            )
        edge_ids, moves = edges_of_paths(path_index, edges, num_nodes)
        mask = mask.sigmoid() if self._apply_sigmoid else mask
        return torch.where(moves, mask[edge_ids], 1.0).prod(dim=0)

    def __repr__(self) -> str:
        widths = f"{self.in_channels}, {self.out_channels}, heads={self.heads}"
        return f"{self.__class__.__name__}({widths}, max_hops={self.max_hops})"


def _pooled(h: Tensor, nodes: Tensor, pool: str) -> Tensor:
    """Returns the features of paths, ``[P, H, D]``, pooled over the rows of ``nodes``."""
    phi = h[nodes[0]]
    for row in nodes[1:]:
        phi = phi + h[row] if pool == "mean" else torch.where(h[row] > phi, h[row], phi)
    return phi / len(nodes) if pool == "mean" else phi


def _xavier_normal(weight: Tensor | None, fans: int) -> None:
    """Initializes a weight Xavier-normal, given the sum of its fan-in and fan-out."""
    if weight is not None:
        torch.nn.init.normal_(weight, std=XAVIER_GAIN * (2 / fans) ** 0.5)
