"""PyG's attention layers on fused operators."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, leaky_relu
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv
from torch_geometric.utils import add_self_loops, remove_self_loops

from graphkit.nn.fused.layer import FusedLayer, fits, plain_edges, sizes_of
from graphkit.ops import path_attention, segment_softmax
from graphkit.ops._calls import call_native
from graphkit.ops._native import serves
from graphkit.ops._neighbors import KEEP, REPLACE, Neighbors, group_neighbors, transposed
from graphkit.ops._pair_score import pair_score
from graphkit.ops.aggregate import sum_over


class Attention:
    """Edges of an attention layer, sorted by target.

    Args:
        conv (MessagePassing): Layer, for its self-loops and dropout.
        edge_index (Tensor): Edges.
        edge_attr (Tensor, optional): Features of the edges.
        sizes (tuple[int, int]): Number of source and of target nodes.
        x (Tensor): Features, for their type.
    """

    def __init__(
        self, conv: Any, edge_index: Tensor, edge_attr: Tensor | None, sizes: tuple[int, int], x: Tensor
    ) -> None:
        drops = conv.training and conv.dropout > 0
        ordered = drops or edge_attr is not None  # whether the order of PyG's edges matters
        loops = KEEP
        if getattr(conv, "add_self_loops", False):
            if ordered:
                edge_index, edge_attr = _looped(conv, edge_index, edge_attr, min(sizes))
            else:
                loops = REPLACE
        groups = group_neighbors(edge_index, *sizes, False, loops, places=ordered)
        sources = groups.rows[: int(groups.ptr[-1]), 0]
        rows = torch.stack([sources, torch.arange(sources.numel(), dtype=torch.int32, device=x.device)], dim=1)
        self.neighbors = Neighbors(groups.ptr, rows)
        if torch.is_grad_enabled():
            self.neighbors = Neighbors(groups.ptr, rows, *transposed(groups.ptr, rows, sizes[0]))
        places = groups.rows[:, 1].long() if ordered else None
        self.edge_attr = self.mask = None
        if edge_attr is not None and places is not None:
            self.edge_attr = edge_attr.index_select(0, places)
        if drops and places is not None:  # the same random numbers as in PyG
            mask = dropout(x.new_ones(edge_index.size(1), conv.heads), conv.dropout)
            self.mask = mask.index_select(0, places)

    def dot(self, target: Tensor, source: Tensor) -> Tensor:
        """Returns the scalar products of the features of both ends of each edge."""
        return call_native(torch.ops.graphkit.aggregate_dot, target, source, None, None, *self.neighbors)

    def __call__(self, scores: Tensor, values: Tensor) -> Tensor:
        """Returns the sums of values, weighted by the softmax of scores."""
        alpha = segment_softmax(scores, self.neighbors.ptr)
        return sum_over(values, self.neighbors, alpha if self.mask is None else alpha * self.mask)


def _looped(conv: Any, edge_index: Tensor, edge_attr: Tensor | None, nodes: int) -> tuple[Tensor, Tensor | None]:
    """Returns edges and their features with the self-loops that PyG adds."""
    edges, edge_attr = remove_self_loops(plain_edges(edge_index), edge_attr)
    return add_self_loops(edges, edge_attr, fill_value=conv.fill_value, num_nodes=nodes)


def _finish(conv: GATConv | GATv2Conv, x_target: Tensor | None, out: Tensor) -> Tensor:
    """Returns the output of a layer, given the attention of its heads."""
    out = out.flatten(1) if conv.concat else out.mean(dim=1)
    if conv.res is not None and x_target is not None:
        out = out + conv.res(x_target)
    return out if conv.bias is None else out + conv.bias


def _ends(conv: FusedLayer, x: Any, edge_index: Any, size: Any = None) -> tuple[Any, Any, tuple[int, int] | None]:
    """Returns the features of both ends, and the numbers of nodes if supported."""
    pair = isinstance(x, (tuple, list))
    source, target = x if pair else (x, x)
    sizes = sizes_of(edge_index, size, source, target) if fits(conv, source, edge_index) else None
    return source, target, sizes


class FusedGATConv(FusedLayer, GATConv):
    """`GATConv` on fused operators."""

    rows = False
    maps_first = True

    def forward(  # type: ignore[override]
        self, x: Any, edge_index: Any, edge_attr: Any = None, size: Any = None, return_attention_weights: Any = None
    ) -> Any:
        """Returns the output features of the nodes."""
        source, target, sizes = _ends(self, x, edge_index, size)
        if sizes is None or return_attention_weights is not None:
            return super().forward(x, edge_index, edge_attr, size, return_attention_weights)
        shape = (-1, self.heads, self.out_channels)
        shared = self.lin is not None and source is target
        from_source = (self.lin_src if self.lin is None else self.lin)(source).view(shape)
        if shared:
            from_target = from_source
        elif target is not None:
            from_target = (self.lin_dst if self.lin is None else self.lin)(target).view(shape)
        term = None if target is None else (from_target * self.att_dst).sum(dim=-1)
        if shared and edge_attr is None and term is not None and _suits_path_attention(from_source):
            return _finish(self, target, _attend(self, from_source, term, edge_index))
        attention = Attention(self, edge_index, edge_attr, sizes, from_source)
        scores = _sum_of_ends((from_source * self.att_src).sum(dim=-1), term, attention, sizes[1])
        if attention.edge_attr is not None and self.lin_edge is not None:
            maps = self.lin_edge.weight.view(*shape[1:], -1)
            vectors = (maps * self.att_edge.squeeze(0).unsqueeze(-1)).sum(dim=1)  # of both maps of a head
            scores = scores + attention.edge_attr.view(scores.size(0), -1) @ vectors.t()
        return _finish(self, target, attention(leaky_relu(scores, self.negative_slope), from_source))


def _suits_path_attention(h: Tensor) -> bool:
    """Returns whether `path_attention` is faster than a softmax and a sum."""
    return serves(h, "path_attention") and (h.is_cuda or h.size(2) <= 16)


def _sum_of_ends(source: Tensor, target: Tensor | None, attention: Attention, num_targets: int) -> Tensor:
    """Returns the sums of a number of the source and one of the target, per edge."""
    ones = source.new_ones(num_targets, source.size(1))
    if target is None:
        return attention.dot(ones.unsqueeze(-1), source.unsqueeze(-1))
    return attention.dot(torch.stack([ones, target], dim=-1), torch.stack([source, torch.ones_like(source)], dim=-1))


def _attend(conv: GATConv, h: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    """Returns the attention of GAT within one set of nodes."""
    nodes = h.size(0)
    if conv.training and conv.dropout > 0:  # the same random numbers as in PyG: a mask in the order of its edges
        edges = plain_edges(edge_index)
        edges = _looped(conv, edges, None, nodes)[0] if conv.add_self_loops else edges
        mask = dropout(h.new_ones(edges.size(1), conv.heads), conv.dropout)
        out = path_attention(h, edges, conv.att_src[0], target, negative_slope=conv.negative_slope, weight=mask)
        assert isinstance(out, Tensor)
        return out
    groups = group_neighbors(edge_index, nodes, nodes, False, REPLACE if conv.add_self_loops else KEEP)
    sources = groups.rows[: int(groups.ptr[-1]), 0]
    paths = torch.stack([sources, torch.arange(sources.numel(), dtype=torch.int32, device=h.device)])
    attention = torch.ops.graphkit.path_attention
    return call_native(
        attention, h, conv.att_src[0], target, None, groups.ptr, paths, False, conv.negative_slope, False
    )[0]


class _WithoutEdgeFeatures(FusedLayer):
    """Attention layer whose edge features are not supported."""

    @classmethod
    def unusual(cls, conv: Any) -> str:
        """Returns which option or state of a layer is not supported; empty if none."""
        return "edge_dim is set" if conv.lin_edge is not None else super().unusual(conv)


class FusedGATv2Conv(_WithoutEdgeFeatures, GATv2Conv):
    """`GATv2Conv` on fused operators."""

    rows = False
    maps_first = True

    def forward(  # type: ignore[override]
        self, x: Any, edge_index: Any, edge_attr: Any = None, return_attention_weights: Any = None
    ) -> Any:
        """Returns the output features of the nodes."""
        source, target, sizes = _ends(self, x, edge_index)
        if sizes is None or target is None or edge_attr is not None or return_attention_weights is not None:
            return super().forward(x, edge_index, edge_attr, return_attention_weights)
        shape = (-1, self.heads, self.out_channels)
        from_source = self.lin_l(source).view(shape)
        shared = self.share_weights and isinstance(x, Tensor)
        from_target = from_source if shared else self.lin_r(target).view(shape)
        attention = Attention(self, edge_index, None, sizes, from_source)
        scores = pair_score(from_source, from_target, self.att[0], self.negative_slope, attention.neighbors)
        return _finish(self, target, attention(scores, from_source))


class FusedTransformerConv(_WithoutEdgeFeatures, TransformerConv):
    """`TransformerConv` on fused operators."""

    rows = False

    def forward(  # type: ignore[override]
        self, x: Any, edge_index: Any, edge_attr: Any = None, return_attention_weights: Any = None
    ) -> Any:
        """Returns the output features of the nodes."""
        source, target, sizes = _ends(self, x, edge_index)
        if sizes is None or target is None or edge_attr is not None or return_attention_weights is not None:
            return super().forward(x, edge_index, edge_attr, return_attention_weights)
        shape = (-1, self.heads, self.out_channels)
        attention = Attention(self, edge_index, None, sizes, source)
        query = self.lin_query(target).view(shape) / math.sqrt(self.out_channels)
        scores = attention.dot(query, self.lin_key(source).view(shape))
        out = attention(scores, self.lin_value(source).view(shape))
        out = out.flatten(1) if self.concat else out.mean(dim=1)
        if not self.root_weight:
            return out
        root = self.lin_skip(target)
        if self.lin_beta is None:
            return out + root
        beta = self.lin_beta(torch.cat([out, root, out - root], dim=-1)).sigmoid()
        return beta * root + (1 - beta) * out
