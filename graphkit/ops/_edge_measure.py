"""Inner products and distances of the endpoint features of edges."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from graphkit.ops._calls import call_native, register_fake, takes_plain_derivatives
from graphkit.ops._edges import check_node_ids
from graphkit.ops._native import has_native, serves

#: Measures, with the values of the native code.
DOT, SQUARE, ABSOLUTE = 0, 1, 2

_NATIVE = has_native("edge_similarity")
_CHUNK = 2**18  # numbers per chunk of edges, to fit in cache


def edge_measure(z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
    """Returns the inner product or distance of the two ends of each edge, ``[E]``.

    Edges may have any order; those sorted by target are fastest.
    """

    def check() -> None:
        check_node_ids("edge_index", torch.stack([source, target]), z.size(0), "the features")

    if _NATIVE and serves(z, "edge_similarity"):
        operator = torch.ops.graphkit.edge_similarity
        return call_native(operator, z, source.long(), target.long(), measure, check=check)
    if source.device.type == "cpu":  # indexing on a GPU validates the ids
        check()
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or not takes_plain_derivatives():
        return _of_rows(z.index_select(0, target), z.index_select(0, source), measure)
    return _Reference.apply(z, source, target, measure)


def edge_measure_reference(z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
    """Computes :func:`edge_measure` in plain PyTorch, in chunks of edges."""
    return _Reference.apply(z, source, target, measure)


def _of_rows(x: Tensor, y: Tensor, measure: int) -> Tensor:
    if measure == DOT:
        return (x * y).sum(dim=-1)
    return (x - y).square().sum(dim=-1) if measure == SQUARE else (x - y).abs().sum(dim=-1)


def _chunks(z: Tensor, *edges: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """Yields chunks of the tensors along the edge dimension."""
    if edges[0].size(0) == 0:  # PyTorch 2.10 cannot trace the split of an empty tensor
        return (edges,)
    size = max(1, _CHUNK // max(1, z.size(1)))
    return zip(*(t.split(size) for t in edges), strict=True)


def _gradient(grad: Tensor, z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
    """Returns the gradient of ``z``, which is differentiable if gradients are enabled."""
    total, create_graph = torch.zeros_like(z), torch.is_grad_enabled()
    for g, row, col in _chunks(z, grad, source, target):
        with torch.enable_grad():
            x, y = z.index_select(0, col), z.index_select(0, row)
            if not create_graph:
                x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
            by_x, by_y = torch.autograd.grad(_of_rows(x, y, measure), (x, y), g, create_graph=create_graph)
        if create_graph:
            total = total.index_add(0, col, by_x).index_add(0, row, by_y)
        else:
            total.index_add_(0, col, by_x).index_add_(0, row, by_y)
    return total


class _Reference(torch.autograd.Function):
    @staticmethod
    def forward(z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
        parts = [
            _of_rows(z.index_select(0, col), z.index_select(0, row), measure) for row, col in _chunks(z, source, target)
        ]
        return torch.cat(parts)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.measure = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, source, target = ctx.saved_tensors
        return _gradient(grad, z, source, target, ctx.measure), None, None, None


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    operator = torch.ops.graphkit.edge_similarity_backward
    return call_native(operator, grad, *ctx.saved_tensors, ctx.measure), None, None, None


def _double_backward(ctx: Any, v: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the reference; views isolate the inner graph."""
    grad, z, source, target = ctx.saved_tensors
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        grad, z = (t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in (grad, z))
        first = _gradient(grad, z, source, target, ctx.measure)
        second = torch.autograd.grad(first, (grad, z), v, create_graph=create_graph, materialize_grads=True)
    return *second, None, None, None


if _NATIVE:

    @register_fake("edge_similarity")
    def _fake(z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
        return z.new_empty(source.shape)

    @register_fake("edge_similarity_backward")
    def _backward_fake(grad: Tensor, z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
        return z.new_empty(z.shape)

    _set_up = _Reference.setup_context
    torch.library.register_autograd("graphkit::edge_similarity", _backward, setup_context=_set_up)
    torch.library.register_autograd("graphkit::edge_similarity_backward", _double_backward, setup_context=_set_up)
