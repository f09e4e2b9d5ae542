"""Layers of PyG with a network per message, on fused operators."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric.nn import EdgeConv, GINEConv

from graphkit.nn.fused.layer import REDUCTIONS, FusedLayer, fits, plain_edges, sizes_of
from graphkit.nn.fused.neighbors import after_first, first_map
from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops.aggregate import max_over, sum_over


class Messages:
    """Gathers features for each edge, and reduces messages at the targets.

    Args:
        edge_index (Tensor): Edges.
        num_sources (int): Number of source nodes.
        num_targets (int): Number of target nodes.
    """

    def __init__(self, edge_index: Tensor, num_sources: int, num_targets: int) -> None:
        self.row, self.col = plain_edges(edge_index).long()
        self.sizes = num_sources, num_targets
        trains = torch.is_grad_enabled()
        groups = group_neighbors(edge_index, num_sources, num_targets, trains, places=True)
        ptr, rows, other_ptr, other_rows = groups
        if trains and other_ptr is None:
            other_ptr, other_rows = transposed(ptr, rows, num_sources)
        self.by_target = _edges(ptr, rows)
        self.by_source = None if other_ptr is None or other_rows is None else _edges(other_ptr, other_rows)

    def gather(self, source: Tensor, target: Tensor | None = None, edge: Tensor | None = None) -> Tensor:
        """Returns the sum of features of both ends and of the edge, for each edge."""
        return _Gather.apply(source, target, edge, self)

    def reduce(self, messages: Tensor, reduce: str) -> Tensor:
        """Reduces messages at the targets."""
        rows = messages.unsqueeze(1)
        if reduce in ("max", "min"):
            out = max_over(rows if reduce == "max" else -rows, self.by_target)
            return (out if reduce == "max" else -out).squeeze(1)
        share = None
        if reduce == "mean":
            share = self.by_target.degrees().clamp(min=1).to(messages.dtype).reciprocal()
        return sum_over(rows, self.by_target, own_scale=share).squeeze(1)


def _edges(ptr: Tensor, rows: Tensor) -> Neighbors:
    """Returns groups of edges, whose neighbors are the edges themselves."""
    return Neighbors(ptr, rows[:, 1:].contiguous())


class _Gather(torch.autograd.Function):
    """Sum of the features of both ends and of an edge."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, target: Tensor | None, edge: Tensor | None, messages: Messages) -> Tensor:
        ctx.messages = messages
        out = source.index_select(0, messages.row)
        if target is not None:
            out += target.index_select(0, messages.col)
        return out if edge is None else out.add_(edge)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        needs, messages = ctx.needs_input_grad, ctx.messages
        by_source = by_target = None
        if needs[0]:
            by_source = sum_over(grad.unsqueeze(1), messages.by_source).squeeze(1)
        if needs[1]:
            by_target = sum_over(grad.unsqueeze(1), messages.by_target).squeeze(1)
        return by_source, by_target, grad if needs[2] else None, None


class FusedGINEConv(FusedLayer, GINEConv):
    """`GINEConv`, whose messages are gathered and reduced by fused operators."""

    reductions = REDUCTIONS
    rows = False

    def forward(self, x: Any, edge_index: Any, edge_attr: Tensor | None = None, size: Any = None) -> Tensor:
        """Returns the output features of the nodes."""
        source, target = x if isinstance(x, (tuple, list)) else (x, x)
        sizes = sizes_of(edge_index, size, source, target) if fits(self, source, edge_index) else None
        if sizes is None or edge_attr is None or (self.lin is None and edge_attr.size(-1) != source.size(-1)):
            return super().forward(x, edge_index, edge_attr, size)
        messages = Messages(edge_index, *sizes)
        edge = edge_attr if self.lin is None else self.lin(edge_attr)
        out = messages.reduce(messages.gather(source, None, edge).relu_(), "sum" if self.aggr == "add" else self.aggr)
        return self.nn(out if target is None else out + (1 + self.eps) * target)


class FusedEdgeConv(FusedLayer, EdgeConv):
    """`EdgeConv`, whose first map is applied to nodes instead of to edges."""

    reductions = REDUCTIONS
    rows = False

    def forward(self, x: Any, edge_index: Any) -> Tensor:
        """Returns the output features of the nodes."""
        source, target = x if isinstance(x, (tuple, list)) else (x, x)
        first = first_map(self.nn)
        sizes = sizes_of(edge_index, None, source, target) if fits(self, source, edge_index) else None
        if sizes is None or first is None or target is None:
            return super().forward(x, edge_index)
        messages = Messages(edge_index, *sizes)
        of_target, of_source = first.weight.split([target.size(1), source.size(1)], dim=1)
        from_source, from_target = linear(source, of_source), linear(target, of_target - of_source, first.bias)
        out = after_first(self.nn, messages.gather(from_source, from_target))
        return messages.reduce(out, "sum" if self.aggr == "add" else self.aggr)
