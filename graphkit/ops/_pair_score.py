"""Scores of edges from the features of both ends, as in GATv2."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import has_native
from graphkit.ops._neighbors import Neighbors, transposed


def pair_score(source: Tensor, target: Tensor, att: Tensor, slope: float, neighbors: Neighbors) -> Tensor:
    r"""Returns the score of each edge and head with native code.

    .. math::
        s_{e,h} = \mathbf{a}_h^\top \mathrm{LeakyReLU}(\mathbf{x}_{j,h} + \mathbf{y}_{i,h})
        \quad \text{for} \quad e = (j \to i)

    Args:
        source (Tensor): Features :math:`\mathbf{x}` of the sources.
        target (Tensor): Features :math:`\mathbf{y}` of the targets.
        att (Tensor): Vector :math:`\mathbf{a}` of each head.
        slope (float): Negative slope of the LeakyReLU.
        neighbors (Neighbors): Grouped edges with their places.

    Shapes:
        - **input:** ``source`` ``[N, H, C]``, ``target`` ``[M, H, C]``, ``att`` ``[H, C]``.
        - **output:** ``[E, H]``, by place.
    """
    return call_native(torch.ops.graphkit.pair_score, source, target, att, slope, *neighbors)


def pair_score_reference(
    source: Tensor, target: Tensor, att: Tensor, slope: float, ptr: Tensor, rows: Tensor
) -> Tensor:
    """Computes the scores in plain PyTorch."""
    ends = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=ptr.device), ptr.diff())
    used = rows[: ends.numel()].long()
    z = source.index_select(0, used[:, 0]) + target.index_select(0, ends)
    scores = (leaky_relu(z, slope) * att).sum(-1)
    return scores.new_zeros(rows.size(0), scores.size(1)).index_copy(0, used[:, 1], scores)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    source, target, att, ctx.slope, *edges = inputs
    ctx.save_for_backward(source, target, att, *edges)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    source, target, att, ptr, rows, other_ptr, other_rows = ctx.saved_tensors
    if other_ptr is None:
        other_ptr, other_rows = transposed(ptr, rows, source.size(0))
    backward = torch.ops.graphkit.pair_score_backward
    tensors = (grad, source, target, att, ctx.slope, ptr, rows, other_ptr, other_rows)
    grad_source, grad_target, shares = call_native(backward, *tensors)
    return grad_source, grad_target, shares.sum(0), *[None] * 5


def _setup_double(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.slope, ptr, rows, _, _ = inputs
    ctx.save_for_backward(*tensors, ptr, rows)


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the reference; views isolate the inner graph."""
    *tensors, ptr, rows = ctx.saved_tensors
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        tensors = [t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in tensors]
        grad, source, target, att = tensors
        vectors = att.expand(target.size(0), *att.shape)  # one per target, whose gradients are the rows
        ends = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=ptr.device), ptr.diff())
        used = rows[: ends.numel()].long()
        z = source.index_select(0, used[:, 0]) + target.index_select(0, ends)
        scores = (leaky_relu(z, ctx.slope) * vectors.index_select(0, ends)).sum(-1)
        by = grad.index_select(0, used[:, 1])
        first = torch.autograd.grad(scores, (source, target, vectors), by, create_graph=True)
        second = torch.autograd.grad(first, tensors, grads, create_graph=create_graph, materialize_grads=True)
    return *second, *[None] * 5


if has_native("pair_score"):

    @register_fake("pair_score")
    def _fake(
        source: Tensor, target: Tensor, att: Tensor, slope: float, ptr: Tensor, neighbors: Tensor, *edges: Any
    ) -> Tensor:
        return source.new_empty(neighbors.size(0), source.size(1))

    @register_fake("pair_score_backward")
    def _backward_fake(
        grad: Tensor, source: Tensor, target: Tensor, att: Tensor, *edges: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        return source.new_empty(source.shape), target.new_empty(target.shape), target.new_empty(target.shape)

    torch.library.register_autograd("graphkit::pair_score", _backward, setup_context=_setup_context)
    torch.library.register_autograd("graphkit::pair_score_backward", _double_backward, setup_context=_setup_double)
