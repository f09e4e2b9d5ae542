"""Attention over paths: what a SPAGAN layer does for all paths of one length."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import (
    FLOAT_TYPES,
    INDEX_TYPES,
    check_flags,
    check_number,
    check_tensors,
    describe,
)
from graphkit.ops._calls import call_native
from graphkit.ops._edges import check_node_ids
from graphkit.ops._native import offer, serves
from graphkit.ops._segments import widen

_NATIVE = offer("path_attention")


def path_attention(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    *,
    pool: str = "max",
    negative_slope: float = 0.2,
    weight: Tensor | None = None,
    return_attention: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Lets every node attend to the paths that end at it, by what lies along them, in each of :math:`H` heads.

    A path :math:`p = (v_L, \ldots, v_1, i)` of :math:`L` hops belongs to its last node :math:`i`, the one that attends.
    Its feature is pooled over the nodes before that, scored, and normalized over all paths of the node:

    .. math::
        \boldsymbol{\phi}_p &= \mathrm{pool}_{l = 1, \ldots, L} \; \mathbf{h}_{v_l} \\
        s_p &= \mathrm{LeakyReLU} \left( \mathbf{a}^\top \boldsymbol{\phi}_p + t_i \right) \\
        \alpha_p &= \frac{\exp(s_p)}{\sum_{q \text{ ends at } i} \exp(s_q)} \\
        \mathbf{o}_i &= \sum_{p \text{ ends at } i} w_p \, \alpha_p \, \boldsymbol{\phi}_p

    With one hop, ``path_index`` is an ``edge_index`` and this is the attention of a GAT layer.

    Args:
        h: Features :math:`\mathbf{h}` of the nodes, one set per head.
        path_index: Paths, one per column: the far end in row 0, the attending node in the last row. In any order;
            sorted by the last row is fastest.
        att: The vector :math:`\mathbf{a}` of each head.
        target: The attending node's own part :math:`t` of the score.
        pool: ``"max"``, element by element (where several nodes have the largest number, the one nearest the far end
            gets the gradient), or ``"mean"``.
        negative_slope: Slope of the LeakyReLU below zero.
        weight: A factor :math:`w` for the attention after the softmax: a layer's dropout mask, divided by the share of
            what is kept. By default 1.
        return_attention: Whether to return the attention :math:`\alpha` too, before ``weight``.

    Shapes:
        - **input:** ``h`` ``[N, H, D]``, ``path_index`` ``[L + 1, P]``, ``att`` ``[H, D]``, ``target`` ``[N, H]``,
          ``weight`` ``[P, H]``.
        - **output:** ``[N, H, D]``, zeros for nodes at which no path ends; with ``return_attention`` also ``[P, H]``,
          in the order of ``path_index``.

    Raises:
        ValueError: If shapes, types or devices do not fit, a path has no hop or names a node that does not exist, or
            an option has no such value.

    Notes:
        - Gradients reach ``h``, ``att``, ``target`` and ``weight``, through the attention too where it is returned.
          Gradients of gradients go through the plain PyTorch form.
        - The native code makes no tensor with all paths and features: it walks the paths once, with a running maximum
          and sum, and pools them again for the gradients. It gives the same bits on every run and any number of
          threads. It serves float32 and float64 on the CPU; other types and devices use PyTorch, which computes
          float16 and bfloat16 in float32.
        - A NaN among the features of a path makes that node and head NaN. Attention below 1e-37 in float32, or 1e-307
          in float64, may come out as 0 or about that.

    Reference:
        Yang et al., *SPAGAN: Shortest Path Graph Attention Network*, IJCAI 2019.
    """
    _check(h, path_index, att, target, weight, pool)
    check_number("negative_slope", negative_slope)
    check_flags(return_attention=return_attention)
    if isinstance(path_index, EdgeIndex):
        path_index = path_index.as_tensor()
    out, alpha = _attend(h, path_index.long(), att, target, weight, pool, negative_slope, return_attention)
    return (out, alpha) if return_attention else out


def _attend(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pool: str,
    slope: float,
    attention: bool,
) -> tuple[Tensor, Tensor]:
    if not (_NATIVE and serves(h, "path_attention")):
        if path_index.device.type == "cpu":  # a GPU checks while it reads
            check_node_ids("path_index", path_index, h.size(0), "`h`")
        return path_attention_reference(h, path_index, att, target, weight, pool, slope)
    ops, num_nodes = torch.ops.graphkit, h.size(0)
    groups = call_native(ops.group_paths, path_index, num_nodes, check=lambda: _check_paths(path_index, num_nodes))
    out, alpha, _ = call_native(ops.path_attention, h, att, target, weight, *groups, pool == "mean", slope, attention)
    return out, alpha


def path_attention_reference(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pool: str,
    negative_slope: float,
) -> tuple[Tensor, Tensor]:
    """The same in plain PyTorch: the result and the attention."""
    *before, ends = path_index.unbind(0)
    wide = widen(h)
    phi = wide.index_select(0, before[0])
    for nodes in before[1:]:
        other = wide.index_select(0, nodes)
        # Not torch.maximum, which divides the gradient between equal numbers. A NaN stays one.
        phi = phi + other if pool == "mean" else torch.where((other > phi) | other.isnan(), other, phi)
    if pool == "mean":
        phi = phi / len(before)
    score = (phi * widen(att)).sum(-1) + widen(target).index_select(0, ends)
    score = functional.leaky_relu(score, negative_slope)
    highest = score.new_zeros(target.shape)
    highest = highest.scatter_reduce(0, ends[:, None].expand_as(score), score.detach(), "amax", include_self=False)
    alpha = torch.exp(score - highest.index_select(0, ends))
    total = torch.zeros_like(highest).index_add(0, ends, alpha)
    alpha = alpha / total.index_select(0, ends)
    share = alpha if weight is None else alpha * weight
    out = wide.new_zeros(h.shape).index_add(0, ends, share.unsqueeze(-1) * phi)
    return out.to(h.dtype), alpha.to(h.dtype)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, ctx.mean, ctx.slope, ctx.attention = inputs
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, *output)


def _backward(ctx: Any, grad: Tensor | None, grad_alpha: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    h, att, target, weight, ptr, paths, *results = ctx.saved_tensors
    grad = torch.zeros_like(h) if grad is None else grad
    grad_alpha = grad_alpha if ctx.attention else None
    tensors = (grad, grad_alpha, h, att, target, weight, ptr, paths, *results)
    backward = torch.ops.graphkit.path_attention_backward
    *grads, grad_weight = call_native(backward, *tensors, ctx.mean, ctx.slope, ctx.needs_input_grad[3])
    return *grads, grad_weight if ctx.needs_input_grad[3] else None, None, None, None, None, None


def _setup_double(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.mean, ctx.slope, ctx.weight_grad = inputs[11:]
    ctx.save_for_backward(*inputs[:8])


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the plain form. Views part what is differentiated here from the rest."""
    *given, ptr, paths = ctx.saved_tensors
    ends = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=ptr.device), ptr.diff())
    path_index = torch.cat([paths[:-1], ends[None]])
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        given = [t if t is None else t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in given]
        grad, grad_alpha, h, att, target, weight = given
        order = paths[-1].long()
        own_weight = None if weight is None else weight.index_select(0, order)
        pool = "mean" if ctx.mean else "max"
        out, alpha = path_attention_reference(h, path_index, att, target, own_weight, pool, ctx.slope)
        results: tuple[Tensor, ...] = (out,)
        by: tuple[Tensor, ...] = (grad,)
        if grad_alpha is not None:
            results, by = (out, alpha), (grad, grad_alpha.index_select(0, order))
        inputs = (h, att, target, weight) if ctx.weight_grad and weight is not None else (h, att, target)
        first = torch.autograd.grad(results, inputs, by, create_graph=True, materialize_grads=True)
        tensors = [t for t in given if t is not None]
        second = torch.autograd.grad(
            first, tensors, grads[: len(first)], create_graph=create_graph, materialize_grads=True
        )
    gradients = iter(second)
    return *(None if t is None else next(gradients) for t in given), *[None] * 8


if _NATIVE:

    @torch.library.register_fake("graphkit::group_paths")
    def _group_paths_fake(path_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        return path_index.new_empty(num_nodes + 1), path_index.new_empty(path_index.shape, dtype=torch.int32)

    @torch.library.register_fake("graphkit::path_attention")
    def _fake(
        h: Tensor,
        att: Tensor,
        target: Tensor,
        weight: Tensor | None,
        ptr: Tensor,
        paths: Tensor,
        mean: bool,
        slope: float,
        attention: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        heads = h.size(1)
        alpha = h.new_empty(paths.size(1) if attention else 0, heads)
        return h.new_empty(h.shape), alpha, widen(h).new_empty(2, h.size(0), heads)

    @torch.library.register_fake("graphkit::path_attention_backward")
    def _backward_fake(
        grad: Tensor,
        grad_alpha: Tensor | None,
        h: Tensor,
        att: Tensor,
        target: Tensor,
        weight: Tensor | None,
        ptr: Tensor,
        paths: Tensor,
        out: Tensor,
        alpha: Tensor,
        norms: Tensor,
        mean: bool,
        slope: float,
        weight_grad: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = paths.size(1) if weight is not None and weight_grad else 0
        return (
            h.new_empty(h.shape),
            att.new_empty(att.shape),
            target.new_empty(target.shape),
            h.new_empty(rows, h.size(1)),
        )

    torch.library.register_autograd("graphkit::path_attention", _backward, setup_context=_setup_context)
    torch.library.register_autograd("graphkit::path_attention_backward", _double_backward, setup_context=_setup_double)


def _check(h: Tensor, path_index: Tensor, att: Tensor, target: Tensor, weight: Tensor | None, pool: str) -> None:
    """Says in one line what does not fit. Looks at shapes only, so it costs nothing and compiles away."""
    check_tensors(h=h, path_index=path_index, att=att, target=target)
    if weight is not None:
        check_tensors(weight=weight)
    if h.dim() != 3 or h.dtype not in FLOAT_TYPES:
        raise InputError(f"`h` must be a float tensor [N, H, D], the features of H heads (got {describe(h)})")
    if path_index.dim() != 2 or path_index.dtype not in INDEX_TYPES:
        raise InputError(
            "`path_index` must be an integer tensor [L + 1, P], one path per column with the attending node last "
            f"(got {describe(path_index)})"
        )
    if path_index.size(0) < 2:
        raise InputError(
            f"`path_index` must have at least 2 rows, one per node of a path (got {path_index.size(0)}); "
            "an `edge_index` is a path_index of one hop"
        )
    if path_index.device != h.device:
        raise InputError(
            f"`path_index` must be on the device of `h`, {h.device} (got {path_index.device}); move it there"
        )
    for name, tensor, letters, shape in (
        ("att", att, "[H, D]", h.shape[1:]),
        ("target", target, "[N, H]", h.shape[:2]),
        ("weight", weight, "[P, H]", (path_index.size(1), h.size(1))),
    ):
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise InputError(
                f"`{name}` must be {letters} = {list(shape)}, as `h` and `path_index` have it (got {describe(tensor)})"
            )
        if tensor.dtype != h.dtype or tensor.device != h.device:
            raise InputError(
                f"`{name}` must have the type and device of `h`, {h.dtype} on {h.device} "
                f"(got {tensor.dtype} on {tensor.device})"
            )
    if pool not in ("max", "mean"):
        raise InputError(f"`pool` must be 'max' or 'mean' (got {pool!r})")


def _check_paths(path_index: Tensor, num_nodes: int) -> None:
    """Says what the native code found wrong with paths. Waits for the device that they are on."""
    if max(path_index.size(1), num_nodes) >= 2**31:
        raise InputError(
            f"`path_index` and `h` must have fewer than 2147483648 paths and nodes (got {path_index.size(1)} and "
            f"{num_nodes}); take some nodes at a time, or set GRAPHKIT_BACKEND=torch"
        )
    check_node_ids("path_index", path_index, num_nodes, "`h`")
