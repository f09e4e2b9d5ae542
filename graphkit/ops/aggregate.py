"""Aggregation of the features of in-neighbors."""

import math
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import FLOAT_TYPES, check_tensors, describe, is_whole
from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._edges import check_edges, check_node_ids
from graphkit.ops._native import has_native, offer, serves
from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops._segments import widen
from graphkit.ops.segment_softmax import segment_softmax

_NATIVE = offer("aggregate", schema="aggregate_sum")
_COMPLETE = has_native("move_rows")  # not in older builds: 16-bit features, softmax and standard deviation
REDUCTIONS = ("sum", "mean", "max", "min")
_ALL = (*REDUCTIONS, "softmax", "std")
_LEAST_VARIANCE = 1e-5


def aggregate(
    x: Tensor,
    edge_index: Tensor,
    weight: Tensor | None = None,
    reduce: str = "sum",
    size: tuple[int, int] | None = None,
) -> Tensor:
    r"""Gathers, weights and reduces the features of in-neighbors in one pass.

    .. math::
        \mathbf{o}_{i(,h)} = \bigoplus_{e = (j \to i)} w_{e(,h)} \, \mathbf{x}_{j(,h)}

    Args:
        x (Tensor): Features of the source nodes, optionally one set per head.
        edge_index (Tensor): Edges, row 0 = source and row 1 = target, in any order. A plain tensor is grouped by
            target at every call; the groups of a :class:`torch_geometric.EdgeIndex` are kept as long as it is.
        weight (Tensor, optional): Weight :math:`w` of each edge, or of each edge and head; 1 if ``None``.
            (default: ``None``)
        reduce (str, optional): Reduction :math:`\bigoplus`: ``"sum"``, ``"mean"``, ``"max"``, ``"min"``, ``"std"`` or
            ``"softmax"``. The last one sums with the softmax of ``weight`` over the in-edges of each node, and needs
            ``weight``: attention scores. (default: ``"sum"``)
        size (tuple[int, int], optional): Number of source and of target nodes; both are ``N`` if ``None``.
            (default: ``None``)

    Shapes:
        - **input:** ``x`` ``[N, C]`` or ``[N, H, C]``, ``edge_index`` ``[2, E]``, ``weight`` ``[E]``, or ``[E, H]`` for
          features with heads.
        - **output:** ``[M, C]`` or ``[M, H, C]`` for ``M`` target nodes, zeros for nodes without in-edges.

    Raises:
        InputError: If shapes, types or devices do not match, a node id is invalid, or ``reduce`` is unknown.

    Example:
        >>> x, edge_index = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0, 1, 2], [1, 2, 2]])
        >>> aggregate(x, edge_index, torch.tensor([1.0, 0.5, 1.0])).flatten().tolist()
        [0.0, 1.0, 5.0]

    Notes:
        - The native code (float types on the CPU) makes no tensor with a row of features per edge and is deterministic
          for any number of threads. It reads float16 and bfloat16 as they are, and accumulates in float32. Weighted
          maxima, minima and standard deviations use PyTorch, and CUDA tensors without a tested kernel.
        - The standard deviation is that of :class:`torch_geometric.nn.StdAggregation`: :math:`\sqrt{v}`, or 0 with a
          gradient of 0 where the variance :math:`v` is at most :math:`10^{-5}`. Here :math:`v` is the mean of
          :math:`(w_e \mathbf{x}_j - \mathbf{m}_i)^2`; PyG's is the difference of two means, which is less exact for
          features far from 0.
        - ``x`` and ``weight`` are differentiable any number of times. The gradient of a maximum or minimum is divided
          evenly between equal messages.
        - NaN affects the nodes that it is aggregated to only; a maximum or minimum with NaN is NaN.

    Reference:
        Fey and Lenssen, *Fast Graph Representation Learning with PyTorch Geometric*, ICLR-W 2019 (message passing).
    """
    num_sources, num_targets = _check(x, edge_index, weight, reduce, size)
    if torch.compiler.is_compiling():
        return _aggregate(x, edge_index, weight, reduce, num_targets)
    try:
        return _aggregate(x, edge_index, weight, reduce, num_targets)
    except (IndexError, RuntimeError):
        _check_limits(edge_index, num_sources, num_targets)
        check_ends(edge_index, num_sources, num_targets)
        raise


def _aggregate(x: Tensor, edge_index: Tensor, weight: Tensor | None, reduce: str, num_targets: int) -> Tensor:
    native = _NATIVE and serves(x, "aggregate", half=_COMPLETE) and (reduce in REDUCTIONS or _COMPLETE)
    if not native or (weight is not None and reduce in ("max", "min", "std")):
        if edge_index.device.type == "cpu":  # indexing on a GPU validates the ids
            check_ends(edge_index, x.size(0), num_targets)
        return aggregate_reference(x, edge_index, weight, reduce, num_targets)
    trains = torch.is_grad_enabled() and (x.requires_grad or (weight is not None and weight.requires_grad))
    neighbors = group_neighbors(edge_index, x.size(0), num_targets, trains, places=weight is not None)
    rows = x if x.dim() == 3 and (weight is None or weight.dim() == 2) else x.flatten(1).unsqueeze(1)
    if reduce in ("max", "min"):
        out = max_over(rows if reduce == "max" else -rows, neighbors)
        out = out if reduce == "max" else -out
    elif reduce == "std":
        out = _root(call_native(torch.ops.graphkit.aggregate_variance, widen(rows), *neighbors)[0]).to(x.dtype)
    else:
        share = neighbors.degrees().clamp(min=1).to(_wide(x)).reciprocal() if reduce == "mean" else None
        factors = weight if weight is None or weight.dim() == 2 else weight.unsqueeze(1)
        if reduce == "softmax":
            assert factors is not None
            factors = softmax_over(factors, neighbors)
        out = sum_over(rows, neighbors, factors, own_scale=share)
    return out.view(num_targets, *x.shape[1:])


def _wide(x: Tensor) -> torch.dtype:
    """Returns the type of sums."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def _root(variance: Tensor) -> Tensor:
    """Returns the standard deviation; 0 for variances without a sound gradient."""
    return torch.where(variance <= _LEAST_VARIANCE, 0.0, variance.clamp(min=_LEAST_VARIANCE).sqrt())


def sum_over(
    x: Tensor,
    neighbors: Neighbors,
    weight: Tensor | None = None,
    other_scale: Tensor | None = None,
    own_scale: Tensor | None = None,
    loop: float = 0.0,
) -> Tensor:
    """Sums the features of in-neighbors with native code.

    Args:
        x (Tensor): Features ``[N, H, C]``.
        neighbors (Neighbors): Grouped edges.
        weight (Tensor, optional): Weights ``[E, H]``; they need the places of the edges. They and the factors may
            have the type of sums, float32 for 16-bit features. (default: ``None``)
        other_scale (Tensor, optional): Factor ``[N]`` of the sources, not differentiable. (default: ``None``)
        own_scale (Tensor, optional): Factor ``[M]`` of the targets, not differentiable. (default: ``None``)
        loop (float, optional): Weight of one more edge from each node to itself. (default: ``0.0``)
    """
    weight, other_scale, own_scale = (None if t is None else t.to(_wide(x)) for t in (weight, other_scale, own_scale))
    return call_native(torch.ops.graphkit.aggregate_sum, x, weight, other_scale, own_scale, loop, *neighbors)


def softmax_over(score: Tensor, neighbors: Neighbors) -> Tensor:
    """Returns the softmax of scores ``[E, H]`` over the in-edges of each node."""
    grouped = _move_rows(widen(score), neighbors.rows, back=False)
    return _move_rows(segment_softmax(grouped, neighbors.ptr), neighbors.rows, back=True)


def _move_rows(x: Tensor, rows: Tensor, back: bool) -> Tensor:
    """Returns rows by place in the order of the groups, or back if ``back`` is set."""
    if x.device.type == "cpu":
        return call_native(torch.ops.graphkit.move_rows, x, rows, back)
    places = rows[:, 1].long()
    return torch.zeros_like(x).index_copy(0, places, x) if back else x.index_select(0, places)


def max_over(x: Tensor, neighbors: Neighbors) -> Tensor:
    """Returns the maximum over in-neighbors with native code."""
    counts = torch.is_grad_enabled() and x.requires_grad
    return call_native(torch.ops.graphkit.aggregate_max, x, *neighbors, counts)[0]


def aggregate_reference(x: Tensor, edge_index: Tensor, weight: Tensor | None, reduce: str, num_targets: int) -> Tensor:
    """Computes the aggregation in plain PyTorch."""
    row, col = edge_index[0].long(), edge_index[1].long()
    if reduce == "softmax":
        assert weight is not None
        weight, reduce = _softmax_reference(widen(weight), col, num_targets), "sum"
    messages = widen(x).index_select(0, row)
    if weight is not None:
        messages = messages * widen(weight).view(*weight.shape, *[1] * (x.dim() - weight.dim()))
    shape, ones = (num_targets, *x.shape[1:]), [1] * (x.dim() - 1)
    if reduce == "sum":
        return messages.new_zeros(shape).index_add(0, col, messages).to(x.dtype)
    degrees = messages.new_zeros(num_targets).index_add(0, col, messages.new_ones(col.size(0))).view(-1, *ones)
    if reduce in ("mean", "std"):
        mean = messages.new_zeros(shape).index_add(0, col, messages) / degrees.clamp(min=1)
        if reduce == "mean":
            return mean.to(x.dtype)
        squares = (messages - mean.index_select(0, col)).square()
        return _root(messages.new_zeros(shape).index_add(0, col, squares) / degrees.clamp(min=1)).to(x.dtype)
    # Not from zeros: PyTorch divides the gradient between equal messages and an equal initial number.
    start = messages.new_full(shape, -math.inf if reduce == "max" else math.inf)
    out = start.scatter_reduce(0, col.view(-1, *ones).expand_as(messages), messages, f"a{reduce}", include_self=False)
    return torch.where(degrees == 0, 0, out).to(x.dtype)


def _softmax_reference(score: Tensor, col: Tensor, num_targets: int) -> Tensor:
    """Returns the softmax of scores over edges with the same target."""
    columns = col.view(-1, *[1] * (score.dim() - 1)).expand_as(score)
    shape = (num_targets, *score.shape[1:])
    highest = score.new_zeros(shape).scatter_reduce(0, columns, score.detach(), "amax", include_self=False)
    weights = torch.exp(score - highest.index_select(0, col))
    return weights / weights.new_zeros(shape).index_add(0, col, weights).index_select(0, col)


def _setup_sum(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, other_scale, own_scale, ctx.loop, *edges = inputs
    ctx.num_sources = x.size(0)
    ctx.save_for_backward(None if weight is None else x, weight, other_scale, own_scale, *edges)


def _other_way(ptr: Tensor, rows: Tensor, other: tuple[Tensor | None, ...], num_sources: Any) -> Neighbors:
    """Returns the edges by source, with those by target as their other end."""
    other_ptr, other_rows = other
    if other_ptr is None:
        other_ptr, other_rows = transposed(ptr, rows, num_sources)
    assert other_rows is not None
    return Neighbors(other_ptr, other_rows, ptr, rows)


def _sum_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, other_scale, own_scale, ptr, rows, *other = ctx.saved_tensors
    edges = _other_way(ptr, rows, tuple(other), ctx.num_sources)
    grad_x = grad_weight = None
    if ctx.needs_input_grad[0]:
        grad_x = sum_over(grad, edges, weight, own_scale, other_scale, ctx.loop)
    if ctx.needs_input_grad[1]:
        forward = Neighbors(ptr, rows, edges.ptr, edges.rows)
        grad_weight = call_native(torch.ops.graphkit.aggregate_dot, grad, x, other_scale, own_scale, *forward)
    return grad_x, grad_weight, *[None] * 7


def _setup_dot(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _dot_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    own, x, other_scale, own_scale, *edges = ctx.saved_tensors
    neighbors, other_way = Neighbors(*edges), Neighbors(*edges[2:], *edges[:2])
    by_own = sum_over(x, neighbors, grad, other_scale, own_scale) if ctx.needs_input_grad[0] else None
    by_x = sum_over(own, other_way, grad, own_scale, other_scale) if ctx.needs_input_grad[1] else None
    return by_own, by_x, *[None] * 6


def _setup_max(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, *edges, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, *output, *edges)


def _max_backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    x, out, count, ptr, rows, *other = ctx.saved_tensors
    if grad is None:
        return (None,) * 6
    edges = _other_way(ptr, rows, tuple(other), x.size(0))
    share = grad / count.clamp(min=1)
    return call_native(torch.ops.graphkit.aggregate_match, share, out, x, *edges), *[None] * 5


def _setup_match(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _match_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    key, own, ptr, rows, other_ptr, other_rows = ctx.saved_tensors
    match = torch.ops.graphkit.aggregate_match
    return call_native(match, grad, own, key, other_ptr, other_rows, ptr, rows), *[None] * 6


def _setup_variance(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, *edges = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, output[1], *edges)


def _variance_backward(ctx: Any, grad: Tensor | None, grad_mean: Tensor | None) -> tuple[Tensor | None, ...]:
    x, mean, ptr, rows, *other = ctx.saved_tensors
    edges = _other_way(ptr, rows, tuple(other), x.size(0))
    share = ptr.diff().clamp(min=1).to(x.dtype).reciprocal().view(-1, 1, 1)
    grad_x = None
    if grad is not None:
        deviation = torch.ops.graphkit.aggregate_deviation
        grad_x = call_native(deviation, 2 * share * grad, mean, x, *edges)
    if grad_mean is not None:
        by_mean = sum_over(share * grad_mean, edges)
        grad_x = by_mean if grad_x is None else grad_x + by_mean
    return grad_x, *[None] * 4


def _setup_deviation(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _deviation_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, key, own, *edges = ctx.saved_tensors
    neighbors, other_way = Neighbors(*edges), Neighbors(*edges[2:], *edges[:2])
    by_x = by_key = by_own = None
    if ctx.needs_input_grad[0]:
        by_x = -call_native(torch.ops.graphkit.aggregate_deviation, grad, own, key, *other_way)
    if ctx.needs_input_grad[1]:
        by_key = -x * sum_over(grad, other_way)
    if ctx.needs_input_grad[2]:
        by_own = grad * sum_over(x, neighbors)
    return by_x, by_key, by_own, *[None] * 4


def _setup_move(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, rows, ctx.back = inputs
    ctx.save_for_backward(rows)


def _move_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    (rows,) = ctx.saved_tensors
    return _move_rows(grad, rows, back=not ctx.back), None, None


if _NATIVE:

    @register_fake("aggregate_sum")
    def _sum_fake(
        x: Tensor,
        weight: Tensor | None,
        other_scale: Tensor | None,
        own_scale: Tensor | None,
        loop: float,
        ptr: Tensor,
        *edges: Any,
    ) -> Tensor:
        return x.new_empty(ptr.size(0) - 1, *x.shape[1:])

    @register_fake("aggregate_dot")
    def _dot_fake(
        own: Tensor,
        x: Tensor,
        other_scale: Tensor | None,
        own_scale: Tensor | None,
        ptr: Tensor,
        neighbors: Tensor,
        *edges: Any,
    ) -> Tensor:
        return x.new_empty(neighbors.size(0), x.size(1), dtype=_wide(x))

    @register_fake("aggregate_max")
    def _max_fake(
        x: Tensor,
        ptr: Tensor,
        neighbors: Tensor,
        other_ptr: Tensor | None,
        other_neighbors: Tensor | None,
        counts: bool,
    ) -> tuple[Tensor, Tensor]:
        nodes = ptr.size(0) - 1
        return x.new_empty(nodes, *x.shape[1:]), x.new_empty(nodes if counts else 0, *x.shape[1:])

    @register_fake("aggregate_match")
    def _match_fake(x: Tensor, key: Tensor, own: Tensor, *edges: Any) -> Tensor:
        return own.new_empty(own.shape)

    torch.library.register_autograd("graphkit::aggregate_sum", _sum_backward, setup_context=_setup_sum)
    torch.library.register_autograd("graphkit::aggregate_dot", _dot_backward, setup_context=_setup_dot)
    torch.library.register_autograd("graphkit::aggregate_max", _max_backward, setup_context=_setup_max)
    torch.library.register_autograd("graphkit::aggregate_match", _match_backward, setup_context=_setup_match)


if _COMPLETE:
    register_fake("aggregate_deviation")(_match_fake)

    @register_fake("aggregate_variance")
    def _variance_fake(x: Tensor, ptr: Tensor, *edges: Any) -> tuple[Tensor, Tensor]:
        shape = (ptr.size(0) - 1, *x.shape[1:])
        return x.new_empty(shape), x.new_empty(shape)

    @register_fake("move_rows")
    def _move_fake(x: Tensor, neighbors: Tensor, back: bool) -> Tensor:
        return x.new_empty(x.shape)

    for name, backward, setup in (
        ("aggregate_variance", _variance_backward, _setup_variance),
        ("aggregate_deviation", _deviation_backward, _setup_deviation),
        ("move_rows", _move_backward, _setup_move),
    ):
        torch.library.register_autograd(f"graphkit::{name}", backward, setup_context=setup)


def check_ends(edge_index: Tensor, num_sources: int, num_targets: int) -> None:
    """Raises an InputError for invalid node ids; synchronizes."""
    edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    check_node_ids("edge_index[0]", edges[0], num_sources, "`x`")
    check_node_ids("edge_index[1]", edges[1], num_targets, "the output")


def _check_limits(edge_index: Tensor, num_sources: int, num_targets: int) -> None:
    """Raises an InputError for graphs that are too large for the native code."""
    if max(edge_index.size(1), num_sources, num_targets) >= 2**31:
        raise InputError(
            f"`edge_index` must have fewer than 2147483648 nodes and edges (got {edge_index.size(1)} edges, "
            f"{num_sources} sources and {num_targets} targets); take some at a time, or set GRAPHKIT_BACKEND=torch"
        )


def _check(
    x: Tensor, edge_index: Tensor, weight: Tensor | None, reduce: str, size: tuple[int, int] | None
) -> tuple[int, int]:
    """Validates the arguments; returns the number of source and of target nodes."""
    check_tensors(x=x, **({} if weight is None else {"weight": weight}))
    if x.dim() not in (2, 3) or x.dtype not in FLOAT_TYPES:
        raise InputError(f"`x` must be a float tensor [N, C] or [N, H, C] (got {describe(x)})")
    check_edges(edge_index, x.device)
    if reduce not in _ALL:
        raise InputError(f"`reduce` must be {', '.join(map(repr, _ALL[:-1]))} or {_ALL[-1]!r} (got {reduce!r})")
    if reduce == "softmax" and weight is None:
        raise InputError("`weight` must hold the scores of a softmax (got None); use reduce='mean' for equal weights")
    if weight is not None:
        edges = edge_index.size(1)
        per_head = weight.dim() == 2 and x.dim() == 3 and weight.size(1) == x.size(1)
        if not (weight.dim() == 1 or per_head) or weight.size(0) != edges:
            wanted = f"[E] or [E, H] = [{edges}, {x.size(1)}]" if x.dim() == 3 else "[E]"
            raise InputError(f"`weight` must be {wanted} with E = {edges} edges (got {describe(weight)})")
        if weight.dtype != x.dtype or weight.device != x.device:
            raise InputError(
                f"`weight` must have the type and device of `x`, {x.dtype} on {x.device} "
                f"(got {weight.dtype} on {weight.device})"
            )
    if size is None:
        return x.size(0), x.size(0)
    if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(_is_count(n) for n in size):
        raise InputError(f"`size` must be two numbers, of source and of target nodes (got {size!r})")
    if size[0] != x.size(0):
        raise InputError(f"`size` must begin with the number of rows of `x`, {x.size(0)} (got {size[0]})")
    return size[0], size[1]


def _is_count(value: object) -> bool:
    return isinstance(value, torch.SymInt) or is_whole(value, 0, 2**63 - 1)
