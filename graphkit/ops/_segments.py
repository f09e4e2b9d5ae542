"""What every operator over segments needs: checks, and the segment that each row belongs to."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def check_segments(x: Tensor, ptr: Tensor, floating: bool = False) -> None:
    """Raises a ValueError unless ``x`` is ``[E, ...]`` and ``ptr`` may cut its rows. Looks at no values."""
    if x.dim() == 0:
        raise InputError("`x` must have at least one dimension, its rows (got a single number)")
    if x.is_complex() or x.dtype == torch.bool or (floating and not x.is_floating_point()):
        kind = "floating point" if floating else "real"
        raise InputError(f"`x` must hold {kind} numbers (got {x.dtype}); convert it first")
    if ptr.dim() != 1 or ptr.numel() == 0 or ptr.dtype not in (torch.int64, torch.int32):
        raise InputError(
            "`ptr` must be an integer tensor [S + 1], where each of S segments starts and the last one ends "
            f"(got {ptr.dtype} of shape {list(ptr.shape)})"
        )
    if ptr.device != x.device:
        raise InputError(f"`ptr` must be on the device of `x`, {x.device} (got {ptr.device}); move it there")


def check_ptr_values(ptr: Tensor, num_rows: int) -> None:
    """Raises a ValueError unless ``ptr`` rises from 0 to ``num_rows``. Waits for the device that ``ptr`` is on."""
    first, last = int(ptr[0]), int(ptr[-1])
    if first != 0 or last != num_rows:
        raise InputError(
            f"`ptr` must begin with 0 and end with the number of rows in `x`, {num_rows} (got {first} and {last})"
        )
    falls = (ptr[1:] < ptr[:-1]).nonzero()
    if falls.numel() > 0:
        at = int(falls[0])
        raise InputError(
            f"`ptr` must not fall (got {int(ptr[at])} followed by {int(ptr[at + 1])} at position {at + 1}); "
            "sort the rows by segment and count them"
        )


def segment_ids(ptr: Tensor, num_rows: int) -> Tensor:
    """Returns ``[E]``, the segment of every row."""
    segments = torch.arange(ptr.size(0) - 1, device=ptr.device)
    return torch.repeat_interleave(segments, ptr.diff(), output_size=num_rows)


def widen(x: Tensor) -> Tensor:
    """Returns ``x``, in float32 if its own type is too short to add up many numbers."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
