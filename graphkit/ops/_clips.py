"""What the operators on skeleton clips share: sequences end to end, and which types the native code serves."""

import torch
from torch import Tensor

from graphkit.errors import InputError


def serves_clips(x: Tensor) -> bool:
    """Returns whether native kernels for clips exist for the type and device of ``x``."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64, torch.bfloat16)


def sum_type(x: Tensor) -> torch.dtype:
    """Returns the type that sums over ``x`` are kept in: float32 for shorter ones."""
    return x.dtype if x.dtype == torch.float64 else torch.float32


def check_sequences(ptr: Tensor, num_frames: int) -> None:
    """Refuses a ``ptr`` that does not rise from zero to the number of frames.

    Raises:
        ValueError: If it does not.
    """
    values = ptr.tolist()
    if ptr.dim() != 1 or not values or values[0] != 0 or values[-1] != num_frames or sorted(values) != values:
        raise InputError(f"`ptr` must rise from 0 to the number of frames, {num_frames} (got {values[:5]} ...)")


def owners(ptr: Tensor, num_frames: int) -> Tensor:
    """Returns the sequence of each frame, ``[F]``."""
    numbers = torch.arange(ptr.numel() - 1, device=ptr.device)
    return torch.repeat_interleave(numbers, ptr.diff(), output_size=num_frames)
