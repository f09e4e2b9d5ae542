"""Layers of PyG with a network per message, on fused operators."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric.nn import EdgeConv, GINEConv

from graphkit.nn.fused.layer import REDUCTIONS, SUMS, FusedLayer, fits, is_plain, plain_edges, sizes_of
from graphkit.nn.fused.neighbors import after_first, first_map
from graphkit.ops import segment_sum
from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops.aggregate import max_over, sum_over

_BLOCK = 2**12  # edges, in the cache of a processor
_SMALL = 2**20  # numbers; messages are kept for the backward pass up to this size


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
        self.groups = Neighbors(ptr, rows, other_ptr, other_rows)

    @property
    def by_target(self) -> Neighbors:
        """Returns the places of edges, grouped by target."""
        return _edges(self.groups.ptr, self.groups.rows)

    @property
    def by_source(self) -> Neighbors:
        """Returns the places of edges, grouped by source."""
        assert self.groups.other_ptr is not None and self.groups.other_rows is not None
        return _edges(self.groups.other_ptr, self.groups.other_rows)

    def gather(self, source: Tensor, target: Tensor | None = None, edge: Tensor | None = None) -> Tensor:
        """Returns the sum of features of both ends and of the edge, for each edge."""
        return _Gather.apply(source, target, edge, self)

    def reduce(self, messages: Tensor, reduce: str) -> Tensor:
        """Reduces messages at the targets."""
        rows = messages.unsqueeze(1)
        if reduce in ("max", "min"):
            out = max_over(rows if reduce == "max" else -rows, self.by_target)
            return (out if reduce == "max" else -out).squeeze(1)
        return sum_over(rows, self.by_target, own_scale=self.share(rows) if reduce == "mean" else None).squeeze(1)

    def share(self, x: Tensor) -> Tensor:
        """Returns the share of a message in the mean of its target."""
        return self.groups.degrees().clamp(min=1).to(x.dtype).reciprocal()


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


class _SumOfRelus(torch.autograd.Function):
    """Sum over in-neighbors of ``relu(x_j + lin(edge))``, without a row per edge.

    Messages are computed in both passes, sorted by target and by source: some at a time, in the cache of the processor.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, attr: Tensor, weight: Tensor, bias: Tensor | None, messages: Messages, share: Tensor | None
    ) -> Tensor:
        ctx.messages = messages
        ctx.save_for_backward(x, attr, weight, bias, share)
        ptr, rows, _, _ = messages.groups
        out = x.new_empty(messages.sizes[1], x.size(1))
        blocks, (sources, places) = _blocks(ptr), rows.t().contiguous()
        buffers = _buffers(blocks, attr, x, x)
        for nodes, edges in blocks:
            features, message, other = (buffer[: edges.stop - edges.start] for buffer in buffers)
            _map(attr, places[edges], weight, bias, features, message)
            message += torch.index_select(x, 0, sources[edges], out=other)
            out[nodes] = segment_sum(message.relu_(), ptr[nodes.start : nodes.stop + 1] - edges.start)
        return out if share is None else out.mul_(share.unsqueeze(1))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        if torch.is_grad_enabled():  # second derivatives
            return _again(ctx, grad)
        x, attr, weight, bias, share = ctx.saved_tensors
        grad = grad if share is None else grad * share.unsqueeze(1)
        _, _, ptr, rows = ctx.messages.groups
        by_x, by_weight = torch.empty_like(x), torch.zeros_like(weight)
        by_bias = None if bias is None else torch.zeros_like(bias)
        by_attr = torch.empty_like(attr) if ctx.needs_input_grad[1] else None
        blocks, (targets, places) = _blocks(ptr), rows.t().contiguous()
        buffers = _buffers(blocks, attr, x, x)
        for nodes, edges in blocks:
            features, message, by_message = (buffer[: edges.stop - edges.start] for buffer in buffers)
            offsets = ptr[nodes.start : nodes.stop + 1] - edges.start
            _map(attr, places[edges], weight, bias, features, message)
            message += x[nodes].repeat_interleave(offsets.diff(), 0)
            torch.index_select(grad, 0, targets[edges], out=by_message)
            torch.ops.aten.threshold_backward.grad_input(by_message, message, 0, grad_input=by_message)
            by_x[nodes] = segment_sum(by_message, offsets)
            by_weight.addmm_(by_message.t(), features)
            if by_bias is not None:
                by_bias += by_message.sum(0)
            if by_attr is not None:
                by_attr[places[edges].long()] = by_message @ weight
        needed = zip((by_x, by_attr, by_weight, by_bias), ctx.needs_input_grad, strict=False)
        return *(result if need else None for result, need in needed), None, None


def _blocks(ptr: Tensor) -> list[tuple[slice, slice]]:
    """Returns slices of nodes, and of the edges that are grouped by them."""
    last = ptr.numel() - 1
    block = _BLOCK if ptr.device.type == "cpu" else 2**20
    steps = torch.arange(0, int(ptr[-1]), block, device=ptr.device)
    starts = torch.searchsorted(ptr[:-1], steps).clamp(max=last)
    nodes = sorted({0, *starts.tolist(), last})
    ends = ptr[nodes].tolist()
    return [(slice(*nodes[i : i + 2]), slice(*ends[i : i + 2])) for i in range(len(nodes) - 1)]


def _buffers(blocks: list[tuple[slice, slice]], *like: Tensor) -> list[Tensor]:
    """Returns tensors with rows for a block, which cost page faults only once."""
    longest = max((edges.stop - edges.start for _, edges in blocks), default=0)
    return [tensor.new_empty(longest, tensor.size(1)) for tensor in like]


def _map(attr: Tensor, places: Tensor, weight: Tensor, bias: Tensor | None, features: Tensor, out: Tensor) -> None:
    """Writes the features of some edges, and a linear map of them."""
    torch.index_select(attr, 0, places, out=features)
    if bias is None:
        torch.mm(features, weight.t(), out=out)
    else:
        torch.addmm(bias, features, weight.t(), out=out)


def _again(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Returns the gradients as differentiable functions."""
    x, attr, weight, bias, share = ctx.saved_tensors
    rows = torch.relu(ctx.messages.gather(x, None, linear(attr, weight, bias)))
    out = sum_over(rows.unsqueeze(1), ctx.messages.by_target, own_scale=share).squeeze(1)
    needed = ctx.needs_input_grad
    inputs = [value for value, need in zip((x, attr, weight, bias), needed, strict=False) if need]
    results = iter(torch.autograd.grad(out, inputs, grad, create_graph=True))
    return *(next(results) if need else None for need in needed[:4]), None, None


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
        plain = is_plain(self.lin) and edge_attr.dim() == 2
        if plain and self.aggr in (*SUMS, "mean") and edge_attr.size(0) * source.size(1) > _SMALL:
            share = messages.share(source) if self.aggr == "mean" else None
            out = _SumOfRelus.apply(source, edge_attr, self.lin.weight, self.lin.bias, messages, share)
        elif plain:
            rows = messages.gather(source if self.lin.bias is None else source + self.lin.bias)
            out = messages.reduce(rows.addmm_(edge_attr, self.lin.weight.t()).relu_(), self.aggr)
        else:
            edge = edge_attr if self.lin is None else self.lin(edge_attr)
            out = messages.reduce(messages.gather(source, None, edge).relu_(), self.aggr)
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
        return messages.reduce(out, self.aggr)
