"""Segmented maximum and argmax."""

from typing import Any

import torch
from torch import Tensor

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import offer, serves
from graphkit.ops._segments import check_ptr_values, check_segments, segment_ids
from graphkit.ops.segment_sum import segment_sum_reference

_NATIVE = offer("segment_max")


def segment_max(x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    r"""Returns the maximum of every segment and its row, column by column.

    .. math::
        \mathbf{a}_s = \operatorname{arg\,max}_{p_s \le e < p_{s+1}} \mathbf{x}_e, \qquad
        \mathbf{o}_s = \mathbf{x}_{\mathbf{a}_s}

    Args:
        x (Tensor): Rows, sorted by segment.
        ptr (Tensor): Segment offsets :math:`p`, such as the ``colptr`` of sorted edges or the ``ptr`` of a batch of
            graphs.

    Shapes:
        - **input:** ``x`` ``[E, ...]``, ``ptr`` ``[S + 1]``, increasing from 0 to ``E``; segments may be empty.
        - **output:** maxima ``[S, ...]`` and their rows ``[S, ...]`` int64.

    Raises:
        InputError: If types, shapes or devices do not match, or ``ptr`` does not increase from 0 to ``E``.

    Example:
        >>> values, rows = segment_max(torch.tensor([1.0, 3.0, 2.0]), torch.tensor([0, 2, 3]))
        >>> values.tolist(), rows.tolist()
        ([3.0, 2.0], [1, 2])

    Notes:
        - The first of equal rows is the argmax and gets the gradient.
        - An empty segment has the maximum 0, as in PyTorch Geometric, and the row -1.
        - A segment with NaN has the maximum NaN, as in :func:`torch.max`, and the row of the first NaN.
        - The operator is differentiable any number of times. The native code supports float32 and float64 on the CPU,
          and CUDA tensors if enabled (see :mod:`graphkit.ops`); other types and devices use PyTorch. Results are
          deterministic for any number of threads.

    Reference:
        Blelloch, *Prefix Sums and Their Applications*, 1990 (segmented maxima).
    """
    check_segments(x, ptr)
    ptr = ptr.long()
    if _NATIVE and serves(x, "segment_max"):
        return call_native(torch.ops.graphkit.segment_max, x, ptr, check=lambda: check_ptr_values(ptr, x.size(0)))
    check_ptr_values(ptr, x.size(0))
    return segment_max_reference(x, ptr)


def segment_max_reference(x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the segmented maximum and argmax in plain PyTorch."""
    shape = (ptr.size(0) - 1, *x.shape[1:])
    if x.size(0) == 0:
        return segment_sum_reference(x, ptr), ptr.new_full(shape, -1)  # zeros that depend on x
    rows = x.detach()
    ids = segment_ids(ptr, x.size(0)).view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    highest = rows.new_zeros(shape).scatter_reduce(0, ids, rows, "amax", include_self=False).gather(0, ids)
    equal = (rows == highest) | rows.isnan()
    numbers = torch.arange(x.size(0), device=x.device).view(-1, *[1] * (x.dim() - 1))
    numbers = torch.where(equal, numbers, x.size(0))
    first = ptr.new_full(shape, x.size(0)).scatter_reduce(0, ids, numbers, "amin")
    arg = torch.where(first == x.size(0), -1, first)
    return pick(x, arg), arg


def pick(x: Tensor, arg: Tensor) -> Tensor:
    """Gathers the values at the rows ``arg``; 0 where that is -1."""
    values = x.gather(0, arg.clamp(min=0))
    return torch.where(arg < 0, torch.zeros_like(values), values)


def scatter_rows(values: Tensor, arg: Tensor, num_rows: int) -> Tensor:
    """Scatters ``values`` to the rows ``arg``: the transpose of :func:`pick`."""
    rows = torch.where(arg < 0, num_rows, arg)  # -1 is scattered to an extra row that is cut off
    return values.new_zeros(num_rows + 1, *values.shape[1:]).scatter_add(0, rows, values)[:num_rows]


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
    ctx.num_rows = inputs[0].size(0)
    ctx.save_for_backward(output[1])


def _backward(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor, None]:
    (arg,) = ctx.saved_tensors
    return scatter_rows(grad, arg, ctx.num_rows), None


if _NATIVE:

    @register_fake("segment_max")
    def _fake(x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        shape = (ptr.size(0) - 1, *x.shape[1:])
        return x.new_empty(shape), ptr.new_empty(shape)

    torch.library.register_autograd("graphkit::segment_max", _backward, setup_context=_setup_context)
