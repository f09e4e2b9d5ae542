"""Aggregation over the factor graphs of FactorGCN."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import FLOAT_TYPES, check_number, check_tensors, describe
from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._edges import check_edge_values, check_edges, check_node_ids, group_edges
from graphkit.ops._native import offer, serves
from graphkit.ops._neighbors import group_neighbors, transposed

_NATIVE = offer("factor_aggregate")


def factor_aggregate(
    h: Tensor,
    source: Tensor,
    target: Tensor,
    edge_index: Tensor,
    norm: Tensor | None = None,
    gain: float = 1.0,
    edge: Tensor | None = None,
) -> Tensor:
    r"""Returns the features of in-neighbors, aggregated over each factor graph.

    .. math::
        \mathbf{o}_{i,m} = \sum_{j \to i} \sigma \left( g \, (s_{j,m} + t_{i,m} + e_{ji,m}) \right) \, n_j \,
        \mathbf{h}_{j(,m)}

    Args:
        h (Tensor): Node features, shared by the factors or one set per factor.
        source (Tensor): Source terms :math:`s` of the factor scores.
        target (Tensor): Target terms :math:`t` of the factor scores.
        edge_index (Tensor): Edges, row 0 = source and row 1 = target, in any order; a
            :class:`torch_geometric.EdgeIndex` sorted by column is fastest.
        norm (Tensor, optional): Weight :math:`n` of the source nodes; 1 if ``None``. (default: ``None``)
        gain (float, optional): Gain :math:`g` of the sigmoid. (default: ``1.0``)
        edge (Tensor, optional): Edge terms :math:`e` of the factor scores, in the order of ``edge_index``; 0 if
            ``None``. (default: ``None``)

    Shapes:
        - **input:** ``h`` ``[N, D]`` or ``[N, M, D]``, ``source`` and ``target`` ``[N, M]``, ``edge_index`` ``[2, E]``,
          ``norm`` ``[N]``, ``edge`` ``[E, M]``.
        - **output:** ``[N, M, D]``, zeros for nodes without in-edges.

    Raises:
        InputError: If shapes, types or devices do not match, or a node id is invalid.

    Example:
        >>> h, terms = torch.ones(2, 3), torch.zeros(2, 1)
        >>> factor_aggregate(h, terms, terms, torch.tensor([[0], [1]])).tolist()
        [[[0.0, 0.0, 0.0]], [[0.5, 0.5, 0.5]]]

    Notes:
        The native code materializes no tensor per edge but the gradient of ``edge``, and is deterministic for any
        number of threads. ``h``, ``source``, ``target``, ``norm`` and ``edge`` are differentiable; second derivatives
        use the PyTorch reference.

    Reference:
        Yang et al., *Factorizable Graph Convolutional Networks*, NeurIPS 2020.
    """
    _check(h, source, target, edge_index, norm, gain, edge)
    if norm is not None:
        h = h * norm.view(-1, *[1] * (h.dim() - 1))
    if torch.compiler.is_compiling():
        return _aggregate(h, source, target, edge_index, gain, edge)
    try:
        return _aggregate(h, source, target, edge_index, gain, edge)
    except (IndexError, RuntimeError):
        check_edge_values(edge_index, h.size(0))
        raise


def _aggregate(
    h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor, gain: float, edge: Tensor | None
) -> Tensor:
    if not (_NATIVE and serves(h, "factor_aggregate")):
        if edge_index.device.type == "cpu":  # indexing on a GPU validates the ids
            check_node_ids("edge_index", edge_index, h.size(0), "the features")
        return factor_aggregate_reference(h, source, target, edge_index, gain, edge)
    trains = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (h, source, target, edge))
    forward = torch.ops.graphkit.factor_aggregate
    if edge is None:
        return call_native(forward, h, source, target, *group_edges(edge_index, h.size(0), both_ways=trains), gain)
    ptr, rows, other_ptr, other_rows = group_neighbors(edge_index, h.size(0), h.size(0), both_ways=trains, places=True)
    row, place = _columns(rows)
    col, other_place = (None, None) if other_rows is None else _columns(other_rows)
    return call_native(forward, h, source, target, ptr, row, other_ptr, col, gain, edge, place, other_place)


def _columns(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the other ends of grouped edges and their places."""
    other, place = rows.t().long().contiguous().unbind()
    return other, place


def factor_aggregate_reference(
    h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor, gain: float, edge: Tensor | None = None
) -> Tensor:
    """Computes the aggregation in plain PyTorch, one factor at a time."""
    row, col = edge_index[0], edge_index[1]
    scores = source.index_select(0, row) + target.index_select(0, col)
    gates = torch.sigmoid(gain * (scores if edge is None else scores + edge))
    h_row = h.index_select(0, row)
    zeros = h.new_zeros(h.size(0), h.size(-1))
    features = [h_row] * source.size(1) if h.dim() == 2 else h_row.unbind(1)
    # `unbind` instead of indexing: its backward pass stacks the gradients of all factors once.
    pairs = zip(gates.unsqueeze(2).unbind(1), features, strict=True)
    return torch.stack([zeros.index_add(0, col, gate * feature) for gate, feature in pairs], dim=1)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.gain, edge, place, other_place = inputs
    ctx.save_for_backward(*tensors, edge, place, other_place)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    h, source, target, colptr, row, rowptr, col, edge, place, other_place = ctx.saved_tensors
    if rowptr is None and edge is None:
        rowptr, col = call_native(torch.ops.graphkit.transpose_edges, colptr, row)
    elif rowptr is None:
        rowptr, rows = transposed(colptr, torch.stack([row, place], dim=1).int(), h.size(0))
        col, other_place = _columns(rows)
    backward = torch.ops.graphkit.factor_aggregate_backward
    edges = (colptr, row, rowptr, col, ctx.gain, edge, place, other_place)
    *grads, grad_edge = call_native(backward, grad, h, source, target, *edges)
    return *grads, *[None] * 5, None if edge is None else grad_edge, None, None


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the reference; views isolate the inner graph."""
    *tensors, colptr, row, _, _, edge, place, _ = ctx.saved_tensors
    col = torch.repeat_interleave(torch.arange(colptr.numel() - 1, device=colptr.device), colptr.diff())
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        tensors = tensors if edge is None else [*tensors, edge]
        tensors = [t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in tensors]
        grad, h, source, target, *terms = tensors
        term = terms[0].index_select(0, place) if terms else None  # by target
        out = factor_aggregate_reference(h, source, target, torch.stack([row, col]), ctx.gain, term)
        first = torch.autograd.grad(out, tensors[1:], grad, create_graph=True)
        grads = grads[: len(first)]  # without edge terms, the last gradient is empty
        second = torch.autograd.grad(first, tensors, grads, create_graph=create_graph, materialize_grads=True)
    return *second[:4], *[None] * 5, second[4] if terms else None, None, None


if _NATIVE:

    @register_fake("factor_aggregate")
    def _fake(
        h: Tensor,
        source: Tensor,
        target: Tensor,
        colptr: Tensor,
        row: Tensor,
        rowptr: Tensor | None,
        col: Tensor | None,
        gain: float,
        *edge_terms: Tensor | None,
    ) -> Tensor:
        return h.new_empty(h.size(0), source.size(1), h.size(-1))

    @register_fake("factor_aggregate_backward")
    def _backward_fake(
        grad: Tensor, h: Tensor, source: Tensor, target: Tensor, colptr: Tensor, row: Tensor, *options: Any
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        edges = row.size(0) if len(options) > 3 and options[3] is not None else 0
        grad_edge = source.new_empty(edges, source.size(1))
        return h.new_empty(h.shape), source.new_empty(source.shape), target.new_empty(target.shape), grad_edge

    torch.library.register_autograd("graphkit::factor_aggregate", _backward, setup_context=_setup_context)
    torch.library.register_autograd(
        "graphkit::factor_aggregate_backward", _double_backward, setup_context=_setup_context
    )


def _check(
    h: Tensor,
    source: Tensor,
    target: Tensor,
    edge_index: Tensor,
    norm: Tensor | None,
    gain: float,
    edge: Tensor | None,
) -> None:
    """Validates the types, shapes and devices of the arguments."""
    optional = {name: tensor for name, tensor in (("norm", norm), ("edge", edge)) if tensor is not None}
    check_tensors(h=h, source=source, target=target, **optional)
    if h.dim() not in (2, 3) or h.dtype not in FLOAT_TYPES:
        raise InputError(f"`h` must be a float tensor [N, D] or [N, M, D] (got {describe(h)})")
    if source.dim() != 2 or source.size(0) != h.size(0) or source.size(1) < 1:
        raise InputError(
            f"`source` must be [N, M] with N = {h.size(0)} as in `h` and at least one factor (got {describe(source)})"
        )
    if target.shape != source.shape:
        raise InputError(f"`target` must have the shape of `source`, {list(source.shape)} (got {describe(target)})")
    if h.dim() == 3 and h.size(1) != source.size(1):
        raise InputError(f"`h` [N, M, D] must have as many factors as `source`, {source.size(1)} (got {describe(h)})")
    if norm is not None and norm.shape != h.shape[:1]:
        raise InputError(f"`norm` must be [N] with N = {h.size(0)} as in `h` (got {describe(norm)})")
    for name, tensor in (("source", source), ("target", target), *optional.items()):
        if tensor.dtype != h.dtype or tensor.device != h.device:
            raise InputError(
                f"`{name}` must have the type and device of `h`, {h.dtype} on {h.device} "
                f"(got {tensor.dtype} on {tensor.device})"
            )
    check_edges(edge_index, h.device)
    if edge is not None and edge.shape != (edge_index.size(1), source.size(1)):
        raise InputError(
            f"`edge` must be [E, M] with one row for each of the {edge_index.size(1)} edges and the "
            f"{source.size(1)} factors of `source` (got {describe(edge)})"
        )
    check_number("gain", gain)
