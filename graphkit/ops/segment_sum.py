"""Segmented sum over consecutive rows."""

from typing import Any

import torch
from torch import Tensor

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import offer, serves
from graphkit.ops._segments import check_ptr_values, check_segments, segment_ids, widen

_NATIVE = offer("segment_sum")


def segment_sum(x: Tensor, ptr: Tensor) -> Tensor:
    r"""Sums the rows of every segment.

    .. math::
        \mathbf{o}_s = \sum_{e = p_s}^{p_{s+1} - 1} \mathbf{x}_e

    Args:
        x (Tensor): Rows, sorted by segment.
        ptr (Tensor): Segment offsets :math:`p`, such as the ``colptr`` of sorted edges or the ``ptr`` of a batch of
            graphs.

    Shapes:
        - **input:** ``x`` ``[E, ...]``, ``ptr`` ``[S + 1]``, increasing from 0 to ``E``; segments may be empty.
        - **output:** ``[S, ...]``, zeros for empty segments.

    Raises:
        InputError: If types, shapes or devices do not match, or ``ptr`` does not increase from 0 to ``E``.

    Example:
        >>> segment_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 2, 3])).tolist()
        [3.0, 3.0]

    Notes:
        NaN affects the sum of its segment only. The operator is differentiable any number of times. The native code
        supports float32 and float64 on the CPU and is deterministic for any number of threads: long segments are summed
        in blocks of fixed size. So are the CUDA kernels, if enabled (see :mod:`graphkit.ops`). Other types and devices
        use PyTorch, which accumulates float16 and bfloat16 in float32, and which is deterministic on CUDA with
        :func:`torch.use_deterministic_algorithms` only.

    Reference:
        Blelloch, *Prefix Sums and Their Applications*, 1990 (segmented sums).
    """
    check_segments(x, ptr)
    ptr = ptr.long()
    if _NATIVE and serves(x, "segment_sum"):
        return call_native(torch.ops.graphkit.segment_sum, x, ptr, check=lambda: check_ptr_values(ptr, x.size(0)))
    check_ptr_values(ptr, x.size(0))
    return segment_sum_reference(x, ptr)


def segment_sum_reference(x: Tensor, ptr: Tensor) -> Tensor:
    """Computes the segmented sum in plain PyTorch."""
    wide = widen(x)
    zeros = wide.new_zeros(ptr.size(0) - 1, *x.shape[1:])
    return zeros.index_add(0, segment_ids(ptr, x.size(0)), wide).to(x.dtype)


def _setup_sum(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    x, ptr = inputs
    ctx.num_rows = x.size(0)
    ctx.save_for_backward(ptr)


def _sum_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    (ptr,) = ctx.saved_tensors
    return call_native(torch.ops.graphkit.segment_expand, grad, ptr, ctx.num_rows), None


def _setup_expand(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _expand_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return call_native(torch.ops.graphkit.segment_sum, grad, *ctx.saved_tensors), None, None


if _NATIVE:

    @register_fake("segment_sum")
    def _sum_fake(x: Tensor, ptr: Tensor) -> Tensor:
        return x.new_empty(ptr.size(0) - 1, *x.shape[1:])

    @register_fake("segment_expand")
    def _expand_fake(x: Tensor, ptr: Tensor, num_rows: int) -> Tensor:
        return x.new_empty(num_rows, *x.shape[1:])

    torch.library.register_autograd("graphkit::segment_sum", _sum_backward, setup_context=_setup_sum)
    torch.library.register_autograd("graphkit::segment_expand", _expand_backward, setup_context=_setup_expand)
