"""What the operators on skeleton clips share: sequences end to end, and which types the native code serves."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops import _native
from graphkit.ops._arguments import FLOAT_TYPES, check_tensors, describe, has_values, is_whole
from graphkit.ops._calls import takes_plain_derivatives
from graphkit.ops._segments import check_ptr, check_ptr_values, segment_ids


def serves_clips(x: Tensor, operator: str) -> bool:
    """Returns whether native kernels of ``operator`` serve the type and device of ``x``, and derivatives of them."""
    if x.device.type == "cuda":
        return _native.serves(x, operator) and takes_plain_derivatives()
    return x.device.type == "cpu" and x.dtype in (*_native.NATIVE_TYPES, torch.bfloat16) and takes_plain_derivatives()


def check_sequences_on_gpu(x: Tensor, ptr: Tensor, every: int | None) -> None:
    """Raises a ValueError unless the values of ``ptr`` are right: for CUDA kernels, which do not look at it.

    It waits for the GPU, and so it looks at nothing for sequences of one length, in backward passes, and while a
    function or a CUDA graph is traced. The kernels read nothing outside of the frames in any case.
    """
    if not x.is_cuda or every is not None or torch.compiler.is_compiling():
        return
    if torch._C._current_graph_task_id() == -1 and not torch.cuda.is_current_stream_capturing():
        check_sequence_values(ptr, x.size(0))


def sum_type(x: Tensor) -> torch.dtype:
    """Returns the type that sums over ``x`` are kept in: float32 for shorter ones."""
    return x.dtype if x.dtype == torch.float64 else torch.float32


def check_floats(name: str, x: Tensor) -> None:
    """Raises a ValueError unless ``x`` is a tensor of floating point numbers."""
    check_tensors(**{name: x})
    if x.dtype not in FLOAT_TYPES:
        raise InputError(f"`{name}` must be a float tensor (got {describe(x)})")


def check_companion(name: str, tensor: Tensor, x: Tensor) -> None:
    """Raises a ValueError unless ``tensor`` holds floating point numbers and is on the device of ``x``."""
    check_floats(name, tensor)
    if tensor.device != x.device:
        raise InputError(f"`{name}` must be on the device of `x`, {x.device} (got {tensor.device}); move it there")


def check_sequences(name: str, x: Tensor, ptr: Tensor, every: int | None) -> None:
    """Raises a ValueError unless ``ptr`` may cut the frames of ``x``, called ``name``, into sequences.

    With ``every``, values of ``ptr`` that contradict it are found on the CPU only: nothing waits for a GPU.
    """
    check_ptr(name, x, ptr, "sequences")
    if every is None or torch.compiler.is_compiling():
        return
    num_sequences, num_frames = ptr.numel() - 1, x.size(0)
    if not is_whole(every, 1, 2**63 - 1) or num_sequences * every != num_frames:
        raise InputError(
            f"`every` must be the number of frames of each of the {num_sequences} sequences, "
            f"which have {num_frames} together (got {every!r})"
        )
    if ptr.device.type == "cpu" and has_values(ptr):
        check_sequence_values(ptr, num_frames)
        if not torch.equal(ptr, torch.arange(0, num_frames + 1, every, dtype=ptr.dtype)):
            raise InputError(f"`every` must be None where sequences differ in length (got {every} and {describe(ptr)})")


def check_sequence_values(ptr: Tensor, num_frames: int) -> None:
    """Raises a ValueError unless ``ptr`` rises from 0 to the number of frames."""
    check_ptr_values(ptr, num_frames, "frames")


def owners(ptr: Tensor, num_frames: int) -> Tensor:
    """Returns the sequence of each frame, ``[F]``."""
    return segment_ids(ptr, num_frames)
