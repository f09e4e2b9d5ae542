"""Every joint of every frame as a weighted sum of all joints of that frame, with weights of its sequence."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import check_flags
from graphkit.ops._calls import call_native
from graphkit.ops._clips import (
    check_companion,
    check_floats,
    check_sequence_values,
    check_sequences,
    check_sequences_on_gpu,
    owners,
    serves_clips,
    sum_type,
)
from graphkit.ops._native import offer
from graphkit.ops.compare_joints import compare_joints

_NATIVE = offer("mix_joints")


def mix_joints(
    x: Tensor,
    weight: Tensor,
    ptr: Tensor,
    every: int | None = None,
    bias: Tensor | None = None,
    rectify: bool = False,
) -> Tensor:
    r"""Multiplies the joints of each frame with the matrix of the frame's sequence, for several groups of channels.

    .. math::
        \mathbf{o}_{f,v,k} = \sum_u W_{n(f),k,u,v} \, \mathbf{x}_{f,u,k} + \mathbf{b}_k

    Args:
        x: Features of joints, the frames of all sequences end to end.
        weight: One matrix per sequence and group; row = sending joint u, column = receiving joint v. The matrices of a
            single sequence serve all.
        ptr: Sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every: The number of frames of each sequence, if all have as many.
        bias: What is added to the channels of each group.
        rectify: Whether negative results become zero.

    Shapes:
        - **input:** ``x`` ``[F, V, K, D]``, ``weight`` ``[N, K, V, V]`` or ``[1, K, V, V]``, ``ptr`` ``[N + 1]``,
          ``bias`` ``[K, D]``.
        - **output:** ``[F, V, K, D]``.

    Raises:
        ValueError: If shapes, types or devices do not fit, or ``ptr`` does not rise from 0 to the number of frames.

    Notes:
        ``x`` may be a slice of a wider tensor. Gradients can be taken any number of times: they are the operator itself
        with transposed matrices, and :func:`~graphkit.ops.compare_joints`. The native code serves float32, float64 and
        bfloat16 on the CPU, adds up in float32 at least, and gives the same bits on any number of threads.

    Reference:
        Huang et al., *Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        ACM Multimedia 2020.
    """
    check_floats("x", x)
    if x.dim() != 4:
        raise InputError(f"`x` must be [F, V, K, D] (got {list(x.shape)})")
    check_sequences("x", x, ptr, every)
    check_companion("weight", weight, x)
    if weight.dim() != 4 or weight.shape[1:] != (x.size(2), x.size(1), x.size(1)):
        wanted = f"[N, {x.size(2)}, {x.size(1)}, {x.size(1)}]"
        raise InputError(f"`weight` must be {wanted} as in `x` (got {list(weight.shape)})")
    if weight.size(0) not in (1, ptr.numel() - 1):
        raise InputError(f"`weight` must hold matrices for {ptr.numel() - 1} sequences, or one (got {weight.size(0)})")
    if bias is not None:
        check_companion("bias", bias, x)
        if bias.shape != x.shape[2:]:
            raise InputError(f"`bias` must be {list(x.shape[2:])} as in `x` (got {list(bias.shape)})")
    check_flags(rectify=rectify)
    if _NATIVE and serves_clips(x, "mix_joints"):
        check_sequences_on_gpu(x, ptr, every)
        trains = torch.is_grad_enabled() and any(t.requires_grad for t in (x, weight, bias) if t is not None)
        # The native code adds and rectifies in one pass, and has no derivative of that.
        last = (None, False) if trains else (None if bias is None else bias.to(sum_type(x)).contiguous(), rectify)
        mix, own = torch.ops.graphkit.mix_joints, weight.to(sum_type(x))
        out = call_native(mix, x, own, ptr.long(), *last, check=lambda: check_sequence_values(ptr, x.size(0)))
        if not trains:
            return out
    else:
        if every is None:
            check_sequence_values(ptr, x.size(0))
        out = mix_joints_reference(x, weight, ptr, every)
    out = out if bias is None else out + bias.to(out.dtype)
    return out.relu() if rectify else out


def mix_joints_reference(x: Tensor, weight: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """The same in plain PyTorch: one product per sequence where all are equally long, else one per frame."""
    weight = weight.to(x.dtype)
    if weight.size(0) == 1:  # the matrices of all
        return torch.matmul(weight[0].transpose(-1, -2), x.transpose(1, 2)).transpose(1, 2)
    if every is not None:
        apart = x.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4)  # [N, K, V, T, D]
        mixed = weight.transpose(-1, -2) @ apart.flatten(3)
        return mixed.unflatten(3, (every, -1)).permute(0, 3, 2, 1, 4).flatten(0, 1)
    per_frame = weight.transpose(-1, -2).index_select(0, owners(ptr, x.size(0)))
    return torch.matmul(per_frame, x.transpose(1, 2)).transpose(1, 2)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, ptr = ctx.saved_tensors
    grad_x = grad_weight = None
    if ctx.needs_input_grad[0]:
        grad_x = mix_joints(grad, weight.transpose(-1, -2), ptr)
    if ctx.needs_input_grad[1]:
        grad_weight = compare_joints(x, grad, ptr)
        if weight.size(0) == 1:
            grad_weight = grad_weight.sum(dim=0, keepdim=True)
    return grad_x, grad_weight, None, None, None


if _NATIVE:

    @torch.library.register_fake("graphkit::mix_joints")
    def _fake(x: Tensor, weight: Tensor, ptr: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        return x.new_empty(x.shape)

    torch.library.register_autograd("graphkit::mix_joints", _backward, setup_context=_setup_context)
