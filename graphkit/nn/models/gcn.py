"""Graph convolutional network (GCN)."""

from collections.abc import Sequence
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models import GCN as PyGGCN

from graphkit.errors import InputError
from graphkit.nn.accelerate import accelerate
from graphkit.nn.degree import check_edge_weight, in_degree
from graphkit.nn.models.baseline import Baseline
from graphkit.nn.models.graph_model import ReceptiveField
from graphkit.nn.same_graph import SameGraph
from graphkit.ops._native import has_native, serves
from graphkit.registry import register_model

#: Edges per chunk.
_BLOCK = 2**24


class _Body(PyGGCN):
    """PyG stack of GCN layers, accelerated, that normalizes given edge weights once.

    The options are those of :class:`torch_geometric.nn.GCNConv`.
    """

    def __init__(
        self,
        *widths: Any,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        **options: Any,
    ) -> None:
        if add_self_loops and not normalize:
            raise InputError("expected `normalize` to be true if `add_self_loops` is, got false; leave one of them out")
        self.improved, self.cached, self.normalize = improved, cached and normalize, normalize
        self.add_self_loops = normalize if add_self_loops is None else add_self_loops
        super().__init__(*widths, normalize=normalize, add_self_loops=self.add_self_loops, **options)
        self._kept: tuple[SameGraph, Tensor, Tensor] | None = None
        accelerate(self, inplace=True)

    def prepare(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, *, normalized: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the edges and weights of all layers.

        ``normalized`` weights are used unchanged.
        """
        fused = _is_fused(x)
        by_node = fused and edge_weight is None and not normalized and not self.cached
        if self.normalize and not normalized and not by_node:
            edge_index, edge_weight = self._normalize(x, edge_index, edge_weight)
        if fused and not by_node and type(edge_index) is Tensor:  # all layers share the groups of an EdgeIndex
            edge_index = EdgeIndex(edge_index, sparse_size=(x.size(0), x.size(0)))
        for conv in self.convs:  # fused layers without weights normalize by node, in the aggregation
            conv.normalize = self.normalize and by_node
        return edge_index, edge_weight

    def _normalize(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the normalized edges, from the cache if possible."""
        num_nodes = x.size(0)
        if self._kept is not None and self._kept[0](edge_index, edge_weight, num_nodes):
            return self._kept[1:]
        flow = self.convs[0].flow
        edges = gcn_norm(edge_index, edge_weight, num_nodes, self.improved, self.add_self_loops, flow, x.dtype)
        if self.cached:
            self._kept = (SameGraph(edge_index, edge_weight, num_nodes), *edges)
        return edges


def _is_fused(x: Tensor) -> bool:
    """Returns whether accelerated layers use the fused operator for these features."""
    if torch.compiler.is_compiling() or torch.is_autocast_enabled(x.device.type):
        return False
    return has_native("aggregate_sum") and serves(x, "aggregate")


def _normalized(data: Data, one_loop: bool) -> tuple[Tensor, Tensor]:
    """Returns the edges of a subgraph, normalized by the degrees in the full graph.

    The outermost nodes, whose in-edges were not sampled, get no self loop: their outputs are not used.

    Args:
        data: Subgraph with the attributes of :meth:`GCN.prepare_for_sampling`.
        one_loop: If ``True``, replaces the self loops of each node by a single one.
    """
    size = data.whole_degree.size(0)
    row, col = data.edge_index[0], data.edge_index[1]
    root = torch.where(data.whole_degree > 0, data.whole_degree.rsqrt(), 0.0)
    count = in_degree(data.edge_index, size)
    stands_for = data.whole_count / count.clamp(min=1)
    weight = root[row] * (root * stands_for)[col]
    if data.get("edge_weight") is not None:
        weight = weight * data.edge_weight.reshape(-1)
    if not one_loop:
        return torch.stack([row, col]), weight
    between = row != col
    row, col, weight = row[between], col[between], weight[between]
    nodes = ((count > 0) | (data.whole_count == 0)).nonzero().view(-1)
    edge_index = torch.stack([torch.cat([row, nodes]), torch.cat([col, nodes])])
    return edge_index, torch.cat([weight, (root * data.whole_loop * root)[nodes]])


@register_model("gcn")
class GCN(Baseline):
    """Graph convolutional network (GCN, ICLR 2017).

    The layers are those of :class:`torch_geometric.nn.models.GCN`; see :class:`Baseline` for the arguments. Edge
    weights are used if the data have them, and are normalized once for all layers.

    Reference:
        Kipf and Welling, `Semi-Supervised Classification with Graph Convolutional Networks
        <https://arxiv.org/abs/1609.02907>`_, ICLR 2017.
    """

    uses_edge_weight = True
    normalizes_by_degree = True
    layers = (GCNConv, PyGGCN)
    stack = _Body

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward``, including edge weights."""
        inputs = super().inputs(data)
        if "whole_degree" in data:
            inputs["edge_index"], inputs["edge_weight"] = _normalized(data, self._body.add_self_loops)
            inputs["normalized"] = True
        return inputs

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of a node; ``None`` if edges are cached."""
        return None if self._body.cached else super().receptive_field(data)

    def prepare_for_sampling(self, data: Data) -> Data:
        """Returns the graph with the node attributes that normalize sampled edges.

        These are ``whole_count``, the number of in-edges, ``whole_loop``, the weight of the self loop (the last of
        several, or the one that PyG adds), and ``whole_degree``, the sum of the weights of that loop and of all other
        in-edges. If the layers add no self loops, existing ones are ordinary edges.
        """
        body = self._body
        if not body.normalize:
            return data
        num_nodes = int(data.num_nodes or 0)
        row, col = data.edge_index[0], data.edge_index[1]
        data = copy(data)
        data.whole_count = in_degree(data.edge_index, num_nodes).int()
        weight = data.get("edge_weight")
        check_edge_weight(data.edge_index, weight)
        floating = (value for value in (weight, data.x) if value is not None and value.is_floating_point())
        dtype = next((value.dtype for value in floating), torch.get_default_dtype())
        degree = data.whole_count.to(dtype)
        if weight is not None:
            weight = weight.reshape(-1).to(dtype)
            degree = degree.new_zeros(num_nodes).index_add_(0, col, weight)
        if not body.add_self_loops:
            data.whole_loop, data.whole_degree = torch.zeros_like(degree), degree
            return data
        # Without weights, PyG gives every self loop the weight 1, and merges several into one.
        loop = torch.full_like(degree, 2.0 if body.improved and weight is not None else 1.0)
        last = torch.full((num_nodes,), -1, device=col.device)
        loops = torch.zeros_like(degree)
        begin = 0
        for sources, targets in zip(row.split(_BLOCK), col.split(_BLOCK), strict=True):
            places = begin + (sources == targets).nonzero().view(-1)
            nodes, begin = row[places].long(), begin + sources.numel()
            loops.index_add_(0, nodes, torch.ones_like(loops[nodes]) if weight is None else weight[places])
            last = last.scatter_reduce(0, nodes, places, "amax")
        if weight is not None:
            present = last >= 0
            loop[present] = weight[last[present]]
        data.whole_loop, data.whole_degree = loop, degree - loops + loop
        return data

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        num_sampled_nodes: Sequence[int] | None = None,
        *,
        normalized: bool = False,
    ) -> Tensor:
        """Returns the outputs; ``normalized`` edge weights are used unchanged."""
        if not normalized and self._body.normalize and not torch.compiler.is_compiling():
            check_edge_weight(edge_index, edge_weight)
        options = {"edge_weight": edge_weight, "normalized": normalized, "num_sampled_nodes": num_sampled_nodes}
        return self._run(x, edge_index, batch, batch_size, **options)

    def _layers(
        self, x: Tensor, edge_index: Tensor, num_sampled_nodes: Sequence[int] | None = None, **options: Any
    ) -> list[Tensor]:
        """Returns the outputs of all layers; the edges are normalized once."""
        edge_index, edge_weight = self._body.prepare(x, edge_index, **options)
        return super()._layers(x, edge_index, num_sampled_nodes, edge_weight=edge_weight)

    @property
    def _body(self) -> "_Body":
        """Stack of layers."""
        return cast(_Body, self.body)
