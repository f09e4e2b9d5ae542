"""The inner products of all pairs of joints, summed over the frames of a sequence."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import describe
from graphkit.ops._calls import call_native
from graphkit.ops._clips import (
    check_floats,
    check_sequence_values,
    check_sequences,
    check_sequences_on_gpu,
    owners,
    serves_clips,
    sum_type,
)
from graphkit.ops._native import offer

_NATIVE = offer("compare_joints")


def compare_joints(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    r"""Sums the inner products of every joint in ``a`` with every joint in ``b`` over the frames of each sequence.

    .. math::
        G_{n,k,u,v} = \sum_{f \in n} \langle \mathbf{a}_{f,u,k}, \mathbf{b}_{f,v,k} \rangle

    Args:
        a: Features of joints, the frames of all sequences end to end.
        b: The same.
        ptr: Sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every: The number of frames of each sequence, if all have as many.

    Shapes:
        - **input:** ``a`` and ``b`` ``[F, V, K, D]``, ``ptr`` ``[N + 1]``.
        - **output:** ``[N, K, V, V]``, float32 for shorter types.

    Raises:
        ValueError: If shapes, types or devices do not fit, or ``ptr`` does not rise from 0 to the number of frames.

    Notes:
        Both may be slices of wider tensors. Gradients can be taken any number of times; they are
        :func:`~graphkit.ops.mix_joints` of the other tensor. The native code serves float32, float64 and bfloat16 on
        the CPU and gives the same bits on any number of threads.

    Reference:
        Huang et al., *Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        ACM Multimedia 2020.
    """
    check_floats("a", a)
    check_floats("b", b)
    if a.dim() != 4 or a.shape != b.shape or a.dtype != b.dtype or a.device != b.device:
        raise InputError(
            "`a` and `b` must both be [F, V, K, D] of one type and on one device "
            f"(got {describe(a)} on {a.device} and {describe(b)} on {b.device})"
        )
    check_sequences("a", a, ptr, every)
    if _NATIVE and serves_clips(a, "compare_joints"):
        check_sequences_on_gpu(a, ptr, every)
        compare = torch.ops.graphkit.compare_joints
        return call_native(compare, a, b, ptr.long(), check=lambda: check_sequence_values(ptr, a.size(0)))
    if every is None:
        check_sequence_values(ptr, a.size(0))
    return compare_joints_reference(a, b, ptr, every)


def compare_joints_reference(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """The same in plain PyTorch: one product per sequence where all are equally long, else one per frame."""
    if every is not None:
        left = a.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4).flatten(3)  # [N, K, V, T D]
        right = b.unflatten(0, (-1, every)).permute(0, 3, 1, 4, 2).flatten(2, 3)  # [N, K, T D, V]
        return (left @ right).to(sum_type(a))
    per_frame = torch.matmul(a.transpose(1, 2), b.permute(0, 2, 3, 1)).to(sum_type(a))
    zeros = per_frame.new_zeros(ptr.numel() - 1, *per_frame.shape[1:])
    return zeros.index_add(0, owners(ptr, a.size(0)), per_frame)


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    from graphkit.ops.mix_joints import mix_joints  # the two are each other's gradients

    a, b, ptr = ctx.saved_tensors
    grad_a = mix_joints(b, grad.transpose(-1, -2), ptr) if ctx.needs_input_grad[0] else None
    grad_b = mix_joints(a, grad, ptr) if ctx.needs_input_grad[1] else None
    return grad_a, grad_b, None


if _NATIVE:

    @torch.library.register_fake("graphkit::compare_joints")
    def _fake(a: Tensor, b: Tensor, ptr: Tensor) -> Tensor:
        return a.new_empty(ptr.size(0) - 1, a.size(2), a.size(1), a.size(1), dtype=sum_type(a))

    torch.library.register_autograd("graphkit::compare_joints", _backward, setup_context=_setup_context)
