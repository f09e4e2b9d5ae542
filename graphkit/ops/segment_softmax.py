"""Segmented softmax, such as attention over the in-edges of a node."""

from typing import Any

import torch
from torch import Tensor

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import offer, serves
from graphkit.ops._segments import check_ptr_values, check_segments, segment_ids, widen
from graphkit.ops.segment_sum import segment_sum_reference

_NATIVE = offer("segment_softmax")


def segment_softmax(x: Tensor, ptr: Tensor) -> Tensor:
    r"""Returns the softmax over the rows of every segment, column by column.

    .. math::
        \mathbf{o}_e = \frac{\exp(\mathbf{x}_e)}{\sum_{f = p_s}^{p_{s+1} - 1} \exp(\mathbf{x}_f)}
        \quad \text{for} \quad p_s \le e < p_{s+1}

    The maximum of the segment is subtracted first, to avoid overflow.

    Args:
        x (Tensor): Rows, sorted by segment.
        ptr (Tensor): Segment offsets :math:`p`, such as the ``colptr`` of sorted edges or the ``ptr`` of a batch of
            graphs.

    Shapes:
        - **input:** ``x`` ``[E, ...]``, ``ptr`` ``[S + 1]``, increasing from 0 to ``E``; segments may be empty.
        - **output:** ``[E, ...]``.

    Raises:
        InputError: If types, shapes or devices do not match, or ``ptr`` does not increase from 0 to ``E``.

    Example:
        >>> segment_softmax(torch.zeros(3), torch.tensor([0, 2, 3])).tolist()
        [0.5, 0.5, 1.0]

    Notes:
        - A row of minus infinity has the weight 0. If all rows of a segment are minus infinity, or one is NaN or plus
          infinity, the weights of the segment in that column are NaN, as in :func:`torch.softmax`. Only rows of minus
          infinity in a segment with plus infinity may be NaN or 0.
        - Weights below 1e-37 in float32, or 1e-307 in float64, may be flushed to 0.
        - The operator is differentiable any number of times.
        - The native code supports float32 and float64 on the CPU and is deterministic for any number of threads, as are
          the CUDA kernels, if enabled (see :mod:`graphkit.ops`). Other types and devices use PyTorch, which computes
          float16 and bfloat16 in float32.

    Reference:
        Veličković et al., *Graph Attention Networks*, ICLR 2018 (softmax over the neighbors of a node).
    """
    check_segments(x, ptr, floating=True)
    ptr = ptr.long()
    if _NATIVE and serves(x, "segment_softmax"):
        return call_native(torch.ops.graphkit.segment_softmax, x, ptr, check=lambda: check_ptr_values(ptr, x.size(0)))
    check_ptr_values(ptr, x.size(0))
    return segment_softmax_reference(x, ptr)


def segment_softmax_reference(x: Tensor, ptr: Tensor) -> Tensor:
    """Computes the segmented softmax in plain PyTorch."""
    wide = widen(x)
    ids = segment_ids(ptr, x.size(0))
    columns = ids.view(-1, *[1] * (x.dim() - 1)).expand_as(wide)
    highest = wide.new_zeros(ptr.size(0) - 1, *x.shape[1:])
    highest = highest.scatter_reduce(0, columns, wide.detach(), "amax", include_self=False)
    weights = torch.exp(wide - highest.index_select(0, ids))
    return (weights / segment_sum_reference(weights, ptr).index_select(0, ids)).to(x.dtype)


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(output, inputs[1])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return call_native(torch.ops.graphkit.segment_softmax_backward, grad, *ctx.saved_tensors), None


def _setup_double(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _double_backward(ctx: Any, v: Tensor) -> tuple[Tensor, Tensor, None]:
    """Differentiates the gradient of the softmax.

    The gradient ``y (g - sum of y g)`` is linear and self-adjoint in ``g``, and quadratic in ``y``.
    """
    grad, out, ptr = ctx.saved_tensors
    ops = torch.ops.graphkit
    sums = call_native(ops.segment_sum, torch.stack([out * grad, out * v], dim=-1), ptr)
    dots = call_native(ops.segment_expand, sums, ptr, out.size(0))
    by_out = v * (grad - dots[..., 0]) - grad * dots[..., 1]
    return call_native(ops.segment_softmax_backward, v, out, ptr), by_out, None


if _NATIVE:

    @register_fake("segment_softmax")
    def _fake(x: Tensor, ptr: Tensor) -> Tensor:
        return x.new_empty(x.shape)

    @register_fake("segment_softmax_backward")
    def _backward_fake(grad: Tensor, out: Tensor, ptr: Tensor) -> Tensor:
        return out.new_empty(out.shape)

    torch.library.register_autograd("graphkit::segment_softmax", _backward, setup_context=_setup_context)
    torch.library.register_autograd("graphkit::segment_softmax_backward", _double_backward, setup_context=_setup_double)
