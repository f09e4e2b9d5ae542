"""Path attention of SPAGAN, for paths of one length."""

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
from graphkit.ops._calls import call_native, register_fake
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
    term: Tensor | None = None,
    return_attention: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Returns the multi-head attention of every node over the paths that end at it.

    The attending node of a path :math:`p = (v_L, \ldots, v_1, i)` of :math:`L` hops is the last node :math:`i`. Path
    features are pooled over the other nodes, scored, and normalized over all paths of the node:

    .. math::
        \boldsymbol{\phi}_p &= \mathrm{pool}_{l = 1, \ldots, L} \; \mathbf{h}_{v_l} \\
        s_p &= \mathrm{LeakyReLU} \left( \mathbf{a}^\top \boldsymbol{\phi}_p + t_i + u_p \right) \\
        \alpha_p &= \frac{\exp(s_p)}{\sum_{q \text{ ends at } i} \exp(s_q)} \\
        \mathbf{o}_i &= \sum_{p \text{ ends at } i} w_p \, \alpha_p \, \boldsymbol{\phi}_p

    With one hop, ``path_index`` is an ``edge_index`` and this is the attention of a GAT layer.

    Args:
        h (Tensor): Node features :math:`\mathbf{h}`, one set per head.
        path_index (Tensor): Paths, one per column, far end in row 0 and attending node in the last row, in any order;
            fastest if sorted by the last row.
        att (Tensor): Attention vector :math:`\mathbf{a}` of each head.
        target (Tensor): Term :math:`t` of the attending node in the score.
        pool (str, optional): ``"max"`` (elementwise; of equal nodes, the one nearest to the far end gets the gradient)
            or ``"mean"``. (default: ``"max"``)
        negative_slope (float, optional): Negative slope of the LeakyReLU. (default: ``0.2``)
        weight (Tensor, optional): Factor :math:`w` of the attention after the softmax, such as a scaled dropout mask; 1
            if ``None``. (default: ``None``)
        term (Tensor, optional): Term :math:`u` of each path in the score, such as that of its edges; 0 if ``None``.
            (default: ``None``)
        return_attention (bool, optional): If ``True``, also returns the attention :math:`\alpha`, before ``weight``.
            (default: ``False``)

    Shapes:
        - **input:** ``h`` ``[N, H, D]``, ``path_index`` ``[L + 1, P]``, ``att`` ``[H, D]``, ``target`` ``[N, H]``,
          ``weight`` and ``term`` ``[P, H]``.
        - **output:** ``[N, H, D]``, zeros for nodes at which no path ends; with ``return_attention`` also ``[P, H]``,
          in the order of ``path_index``.

    Raises:
        InputError: If shapes, types or devices do not match, a path has no hop or an invalid node id, or an option is
            invalid.

    Example:
        >>> h, target = torch.ones(2, 1, 4), torch.zeros(2, 1)
        >>> path_attention(h, torch.tensor([[0], [1]]), torch.ones(1, 4), target).squeeze(1).tolist()
        [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]

    Notes:
        - ``h``, ``att``, ``target``, ``weight`` and ``term`` are differentiable, also through the returned attention.
          Second derivatives use the PyTorch reference.
        - The native code materializes no path features: it uses a running maximum and sum, and pools again in the
          backward pass. It is deterministic for any number of threads and supports float32 and float64 on the CPU;
          other types and devices use PyTorch, which computes float16 and bfloat16 in float32.
        - NaN features of a path make the output of that node and head NaN. Attention below 1e-37 in float32, or 1e-307
          in float64, may be flushed to about 0.

    Reference:
        Yang et al., *SPAGAN: Shortest Path Graph Attention Network*, IJCAI 2019.
    """
    _check(h, path_index, att, target, weight, term, pool)
    check_number("negative_slope", negative_slope)
    check_flags(return_attention=return_attention)
    if isinstance(path_index, EdgeIndex):
        path_index = path_index.as_tensor()
    out, alpha = _attend(h, path_index.long(), att, target, weight, term, pool, negative_slope, return_attention)
    return (out, alpha) if return_attention else out


def _attend(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    term: Tensor | None,
    pool: str,
    slope: float,
    attention: bool,
) -> tuple[Tensor, Tensor]:
    if not (_NATIVE and serves(h, "path_attention")):
        if path_index.device.type == "cpu":  # indexing on a GPU validates the ids
            check_node_ids("path_index", path_index, h.size(0), "`h`")
        return path_attention_reference(h, path_index, att, target, weight, pool, slope, term)
    ops, num_nodes = torch.ops.graphkit, h.size(0)
    groups = call_native(ops.group_paths, path_index, num_nodes, check=lambda: _check_paths(path_index, num_nodes))
    options = (pool == "mean", slope, attention, term)
    out, alpha, _ = call_native(ops.path_attention, h, att, target, weight, *groups, *options)
    return out, alpha


def path_attention_reference(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pool: str,
    negative_slope: float,
    term: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Computes the output and the attention in plain PyTorch."""
    *before, ends = path_index.unbind(0)
    wide = widen(h)
    phi = wide.index_select(0, before[0])
    for nodes in before[1:]:
        other = wide.index_select(0, nodes)
        # Not torch.maximum, which divides the gradient between equal numbers. NaN is propagated.
        phi = phi + other if pool == "mean" else torch.where((other > phi) | other.isnan(), other, phi)
    if pool == "mean":
        phi = phi / len(before)
    score = (phi * widen(att)).sum(-1) + widen(target).index_select(0, ends)
    score = score if term is None else score + widen(term)
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
    *tensors, ctx.mean, ctx.slope, ctx.attention, term = inputs
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors, term, *output)


def _backward(ctx: Any, grad: Tensor | None, grad_alpha: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    h, att, target, weight, ptr, paths, term, *results = ctx.saved_tensors
    grad = torch.zeros_like(h) if grad is None else grad
    grad_alpha = grad_alpha if ctx.attention else None
    tensors = (grad, grad_alpha, h, att, target, weight, ptr, paths, *results)
    backward = torch.ops.graphkit.path_attention_backward
    options = (ctx.mean, ctx.slope, ctx.needs_input_grad[3], term)
    *grads, grad_weight, grad_term = call_native(backward, *tensors, *options)
    grads.append(grad_weight if ctx.needs_input_grad[3] else None)
    return *grads, None, None, None, None, None, None if term is None else grad_term


def _setup_double(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.mean, ctx.slope, ctx.weight_grad, term = inputs[11:]
    ctx.save_for_backward(*inputs[:6], term, *inputs[6:8])


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the reference; views isolate the inner graph."""
    *given, ptr, paths = ctx.saved_tensors
    ends = torch.repeat_interleave(torch.arange(ptr.numel() - 1, device=ptr.device), ptr.diff())
    path_index = torch.cat([paths[:-1], ends[None]])
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        given = [t if t is None else t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in given]
        grad, grad_alpha, h, att, target, weight, term = given
        order = paths[-1].long()
        own_weight, own_term = (None if t is None else t.index_select(0, order) for t in (weight, term))
        pool = "mean" if ctx.mean else "max"
        out, alpha = path_attention_reference(h, path_index, att, target, own_weight, pool, ctx.slope, own_term)
        results: tuple[Tensor, ...] = (out,)
        by: tuple[Tensor, ...] = (grad,)
        if grad_alpha is not None:
            results, by = (out, alpha), (grad, grad_alpha.index_select(0, order))
        inputs = [h, att, target, weight if ctx.weight_grad else None, term]
        wanted = [t is not None for t in inputs]
        by_output = [grad for grad, asked in zip(grads, wanted, strict=True) if asked]
        inputs = [t for t in inputs if t is not None]
        first = torch.autograd.grad(results, inputs, by, create_graph=True, materialize_grads=True)
        tensors = [t for t in given if t is not None]
        second = torch.autograd.grad(first, tensors, by_output, create_graph=create_graph, materialize_grads=True)
    gradients = iter(second)
    *given, term = (None if t is None else next(gradients) for t in given)
    return *given, *[None] * 8, term


if _NATIVE:

    @register_fake("group_paths")
    def _group_paths_fake(path_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        return path_index.new_empty(num_nodes + 1), path_index.new_empty(path_index.shape, dtype=torch.int32)

    @register_fake("path_attention")
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
        term: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        heads = h.size(1)
        alpha = h.new_empty(paths.size(1) if attention else 0, heads)
        return h.new_empty(h.shape), alpha, widen(h).new_empty(2, h.size(0), heads)

    @register_fake("path_attention_backward")
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
        term: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        rows = paths.size(1) if weight is not None and weight_grad else 0
        return (
            h.new_empty(h.shape),
            att.new_empty(att.shape),
            target.new_empty(target.shape),
            h.new_empty(rows, h.size(1)),
            h.new_empty(0 if term is None else paths.size(1), h.size(1)),
        )

    torch.library.register_autograd("graphkit::path_attention", _backward, setup_context=_setup_context)
    torch.library.register_autograd("graphkit::path_attention_backward", _double_backward, setup_context=_setup_double)


def _check(
    h: Tensor,
    path_index: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    term: Tensor | None,
    pool: str,
) -> None:
    """Validates the types, shapes and devices of the arguments."""
    check_tensors(h=h, path_index=path_index, att=att, target=target)
    for name, tensor in (("weight", weight), ("term", term)):
        if tensor is not None:
            check_tensors(**{name: tensor})
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
        ("term", term, "[P, H]", (path_index.size(1), h.size(1))),
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
    """Raises an InputError for paths that the native code rejects; synchronizes."""
    if max(path_index.size(1), num_nodes) >= 2**31:
        raise InputError(
            f"`path_index` and `h` must have fewer than 2147483648 paths and nodes (got {path_index.size(1)} and "
            f"{num_nodes}); take some nodes at a time, or set GRAPHKIT_BACKEND=torch"
        )
    check_node_ids("path_index", path_index, num_nodes, "`h`")
