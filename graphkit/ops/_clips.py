"""Validation and dispatch of the operators on skeleton clips."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops import _native
from graphkit.ops._arguments import FLOAT_TYPES, check_tensors, describe, has_values, is_whole
from graphkit.ops._calls import takes_plain_derivatives
from graphkit.ops._segments import check_ptr, check_ptr_values, segment_ids


def serves_clips(x: Tensor, operator: str) -> bool:
    """Returns whether native kernels of ``operator`` support ``x``."""
    if x.device.type == "cuda":
        return _native.serves(x, operator) and takes_plain_derivatives()
    return x.device.type == "cpu" and x.dtype in (*_native.NATIVE_TYPES, torch.bfloat16) and takes_plain_derivatives()


def check_sequences_on_gpu(x: Tensor, ptr: Tensor, every: int | None) -> None:
    """Raises an InputError unless ``ptr`` is valid, for CUDA kernels.

    The check synchronizes with the GPU. It is skipped for sequences of equal length, in backward passes and while
    tracing. Kernels never read outside of the frames.
    """
    if not x.is_cuda or every is not None or torch.compiler.is_compiling():
        return
    if torch._C._current_graph_task_id() == -1 and not torch.cuda.is_current_stream_capturing():
        check_sequence_values(ptr, x.size(0))


def sum_type(x: Tensor) -> torch.dtype:
    """Returns the accumulation dtype of ``x``: float64 for float64, otherwise float32."""
    return x.dtype if x.dtype == torch.float64 else torch.float32


def check_floats(name: str, x: Tensor) -> None:
    """Raises an InputError unless ``x`` is a floating-point tensor."""
    check_tensors(**{name: x})
    if x.dtype not in FLOAT_TYPES:
        raise InputError(f"`{name}` must be a float tensor (got {describe(x)})")


def check_companion(name: str, tensor: Tensor, x: Tensor) -> None:
    """Raises an InputError unless ``tensor`` is a float tensor on the device of ``x``."""
    check_floats(name, tensor)
    if tensor.device != x.device:
        raise InputError(f"`{name}` must be on the device of `x`, {x.device} (got {tensor.device}); move it there")


def check_sequences(name: str, x: Tensor, ptr: Tensor, every: int | None) -> None:
    """Raises an InputError unless ``ptr`` and ``every`` describe sequences of ``x``.

    Values of ``ptr`` are compared with ``every`` on the CPU only, to avoid synchronization with a GPU.
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
    """Raises an InputError unless ``ptr`` increases from 0 to the number of frames."""
    check_ptr_values(ptr, num_frames, "frames")


def owners(ptr: Tensor, num_frames: int) -> Tensor:
    """Returns the sequence of each frame, ``[F]``."""
    return segment_ids(ptr, num_frames)
