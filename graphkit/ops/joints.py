"""Joint mixing and joint affinity of skeleton clips."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import check_flags, describe
from graphkit.ops._calls import call_native, register_fake
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

_NATIVE_COMPARE = offer("joint_affinity")
_NATIVE_MIX = offer("joint_mix")


def joint_mix(
    x: Tensor,
    weight: Tensor,
    ptr: Tensor,
    every: int | None = None,
    bias: Tensor | None = None,
    rectify: bool = False,
) -> Tensor:
    r"""Multiplies the joints of each frame by the joint matrices of its sequence.

    .. math::
        \mathbf{o}_{f,v,k} = \sum_u W_{n(f),k,u,v} \, \mathbf{x}_{f,u,k} + \mathbf{b}_k

    Args:
        x (Tensor): Joint features, with the concatenated frames of all sequences.
        weight (Tensor): One matrix per sequence and channel group, row = sending joint u, column = receiving joint v; a
            single set of matrices is used for all sequences.
        ptr (Tensor): Offsets: sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every (int, optional): Number of frames of every sequence if all have equal length. (default: ``None``)
        bias (Tensor, optional): Bias of the channels of each group. (default: ``None``)
        rectify (bool, optional): If ``True``, applies a ReLU. (default: ``False``)

    Shapes:
        - **input:** ``x`` ``[F, V, K, D]``, ``weight`` ``[N, K, V, V]`` or ``[1, K, V, V]``, ``ptr`` ``[N + 1]``,
          ``bias`` ``[K, D]``.
        - **output:** ``[F, V, K, D]``.

    Raises:
        InputError: If shapes, types or devices do not match, or ``ptr`` does not increase from 0 to the number of
            frames.

    Example:
        >>> joint_mix(torch.ones(2, 3, 1, 4), torch.eye(3).view(1, 1, 3, 3), torch.tensor([0, 2])).shape
        torch.Size([2, 3, 1, 4])

    Notes:
        ``x`` may be a slice of a wider tensor. The operator is differentiable any number of times: its gradients are
        the operator with transposed matrices and :func:`~graphkit.ops.joint_affinity`. The native code supports
        float32, float64 and bfloat16 on the CPU, accumulates in float32 at least and is deterministic.

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
    if _NATIVE_MIX and serves_clips(x, "joint_mix"):
        check_sequences_on_gpu(x, ptr, every)
        trains = torch.is_grad_enabled() and any(t.requires_grad for t in (x, weight, bias) if t is not None)
        # The native code fuses bias and ReLU, which it does not differentiate.
        last = (None, False) if trains else (None if bias is None else bias.to(sum_type(x)).contiguous(), rectify)
        mix, matrices = torch.ops.graphkit.joint_mix, weight.to(sum_type(x))
        out = call_native(mix, x, matrices, ptr.long(), *last, check=lambda: check_sequence_values(ptr, x.size(0)))
        if not trains:
            return out
    else:
        if every is None:
            check_sequence_values(ptr, x.size(0))
        out = joint_mix_reference(x, weight, ptr, every)
    out = out if bias is None else out + bias.to(out.dtype)
    return out.relu() if rectify else out


def joint_mix_reference(x: Tensor, weight: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """Computes the joint mixing in plain PyTorch, per sequence or per frame."""
    weight = weight.to(x.dtype)
    if weight.size(0) == 1:  # one set of matrices for all sequences
        return torch.matmul(weight[0].transpose(-1, -2), x.transpose(1, 2)).transpose(1, 2)
    if every is not None:
        apart = x.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4)  # [N, K, V, T, D]
        mixed = weight.transpose(-1, -2) @ apart.flatten(3)
        return mixed.unflatten(3, (every, -1)).permute(0, 3, 2, 1, 4).flatten(0, 1)
    per_frame = weight.transpose(-1, -2).index_select(0, owners(ptr, x.size(0)))
    return torch.matmul(per_frame, x.transpose(1, 2)).transpose(1, 2)


def _setup_mix(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])


def _backward_mix(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, ptr = ctx.saved_tensors
    grad_x = grad_weight = None
    if ctx.needs_input_grad[0]:
        grad_x = joint_mix(grad, weight.transpose(-1, -2), ptr)
    if ctx.needs_input_grad[1]:
        grad_weight = joint_affinity(x, grad, ptr)
        if weight.size(0) == 1:
            grad_weight = grad_weight.sum(dim=0, keepdim=True)
    return grad_x, grad_weight, None, None, None


if _NATIVE_MIX:

    @register_fake("joint_mix")
    def _fake_mix(x: Tensor, weight: Tensor, ptr: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        return x.new_empty(x.shape)

    torch.library.register_autograd("graphkit::joint_mix", _backward_mix, setup_context=_setup_mix)


def joint_affinity(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    r"""Returns the inner products of all pairs of joints, summed over each sequence.

    .. math::
        G_{n,k,u,v} = \sum_{f \in n} \langle \mathbf{a}_{f,u,k}, \mathbf{b}_{f,v,k} \rangle

    Args:
        a (Tensor): Joint features, with the concatenated frames of all sequences.
        b (Tensor): Joint features of the same shape.
        ptr (Tensor): Offsets: sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every (int, optional): Number of frames of every sequence if all have equal length. (default: ``None``)

    Shapes:
        - **input:** ``a`` and ``b`` ``[F, V, K, D]``, ``ptr`` ``[N + 1]``.
        - **output:** ``[N, K, V, V]``, in float32 at least.

    Raises:
        InputError: If shapes, types or devices do not match, or ``ptr`` does not increase from 0 to the number of
            frames.

    Example:
        >>> x = torch.ones(2, 3, 1, 4)
        >>> joint_affinity(x, x, torch.tensor([0, 2]))[0, 0, 0].tolist()
        [8.0, 8.0, 8.0]

    Notes:
        ``a`` and ``b`` may be slices of wider tensors. The operator is differentiable any number of times: its
        gradients are :func:`~graphkit.ops.joint_mix` of the other tensor. The native code supports float32, float64 and
        bfloat16 on the CPU and is deterministic for any number of threads.

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
    if _NATIVE_COMPARE and serves_clips(a, "joint_affinity"):
        check_sequences_on_gpu(a, ptr, every)
        compare = torch.ops.graphkit.joint_affinity
        return call_native(compare, a, b, ptr.long(), check=lambda: check_sequence_values(ptr, a.size(0)))
    if every is None:
        check_sequence_values(ptr, a.size(0))
    return joint_affinity_reference(a, b, ptr, every)


def joint_affinity_reference(a: Tensor, b: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """Computes the joint affinity in plain PyTorch, per sequence or per frame."""
    if every is not None:
        left = a.unflatten(0, (-1, every)).permute(0, 3, 2, 1, 4).flatten(3)  # [N, K, V, T D]
        right = b.unflatten(0, (-1, every)).permute(0, 3, 1, 4, 2).flatten(2, 3)  # [N, K, T D, V]
        return (left @ right).to(sum_type(a))
    per_frame = torch.matmul(a.transpose(1, 2), b.permute(0, 2, 3, 1)).to(sum_type(a))
    zeros = per_frame.new_zeros(ptr.numel() - 1, *per_frame.shape[1:])
    return zeros.index_add(0, owners(ptr, a.size(0)), per_frame)


def _setup_compare(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward_compare(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    a, b, ptr = ctx.saved_tensors
    grad_a = joint_mix(b, grad.transpose(-1, -2), ptr) if ctx.needs_input_grad[0] else None
    grad_b = joint_mix(a, grad, ptr) if ctx.needs_input_grad[1] else None
    return grad_a, grad_b, None


if _NATIVE_COMPARE:

    @register_fake("joint_affinity")
    def _fake_compare(a: Tensor, b: Tensor, ptr: Tensor) -> Tensor:
        return a.new_empty(ptr.size(0) - 1, a.size(2), a.size(1), a.size(1), dtype=sum_type(a))

    torch.library.register_autograd("graphkit::joint_affinity", _backward_compare, setup_context=_setup_compare)
