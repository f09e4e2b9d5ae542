"""Validation of segments, and segment ids of rows."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import FLOAT_TYPES, INDEX_TYPES, check_tensors, describe, has_values

_REAL_TYPES = (*FLOAT_TYPES, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_segments(x: Tensor, ptr: Tensor, floating: bool = False) -> None:
    """Raises an InputError unless ``x`` and ``ptr`` have valid types and shapes."""
    check_tensors(x=x)
    if x.dim() == 0:
        raise InputError("`x` must have at least one dimension, its rows (got a single number)")
    if x.dtype not in (FLOAT_TYPES if floating else _REAL_TYPES):
        kind = "floating point" if floating else "real"
        raise InputError(f"`x` must hold {kind} numbers (got {x.dtype}); convert it first")
    check_ptr("x", x, ptr, "segments")


def check_ptr(name: str, x: Tensor, ptr: Tensor, parts: str) -> None:
    """Raises an InputError unless ``ptr`` is an integer vector on the device of ``x``."""
    check_tensors(ptr=ptr)
    if ptr.dim() != 1 or ptr.numel() == 0 or ptr.dtype not in INDEX_TYPES:
        raise InputError(
            f"`ptr` must be an integer tensor [S + 1], where each of S {parts} starts and the last one ends "
            f"(got {describe(ptr)})"
        )
    if ptr.device != x.device:
        raise InputError(f"`ptr` must be on the device of `{name}`, {x.device} (got {ptr.device}); move it there")


def check_ptr_values(ptr: Tensor, num_rows: int, rows: str = "rows in `x`") -> None:
    """Raises an InputError unless ``ptr`` increases from 0 to ``num_rows``."""
    if not has_values(ptr):
        return
    if bool((ptr[0] == 0) & (ptr[-1] == num_rows) & (ptr[1:] >= ptr[:-1]).all()):
        return
    first, last = int(ptr[0]), int(ptr[-1])
    if first != 0 or last != num_rows:
        raise InputError(
            f"`ptr` must begin with 0 and end with the number of {rows}, {num_rows} (got {first} and {last})"
        )
    at = int((ptr[1:] < ptr[:-1]).nonzero()[0])
    raise InputError(
        f"`ptr` must not decrease (got {int(ptr[at])} followed by {int(ptr[at + 1])} at position {at + 1}); "
        f"sort the {rows} and count those of each segment"
    )


def segment_ids(ptr: Tensor, num_rows: int) -> Tensor:
    """Returns the segment of every row, ``[E]``."""
    segments = torch.arange(ptr.size(0) - 1, device=ptr.device)
    return torch.repeat_interleave(segments, ptr.diff(), output_size=num_rows)


def widen(x: Tensor) -> Tensor:
    """Converts half-precision tensors to float32 for accumulation."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
