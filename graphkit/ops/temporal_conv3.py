"""Temporal convolution over three frames, of positions and motion."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import check_flags
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

_NATIVE = offer("temporal_conv3")


def temporal_conv3(
    x: Tensor, ptr: Tensor, every: int | None = None, bias: Tensor | None = None, rectify: bool = False
) -> Tensor:
    r"""Returns temporal convolutions over three frames from precomputed products.

    A convolution over three frames is a sum of three products with the weights, which are computed for all frames by
    one matrix product; this operator shifts and adds them. With
    :math:`\mathbf{d}_j(t) = \mathbf{x}_{t+1,1,j} - \mathbf{x}_{t,1,j}`, and zeros outside of the sequence and for
    :math:`\mathbf{d}` in its last frame,

    .. math::
        \mathbf{o}_{t,0} &= \mathbf{x}_{t-1,0,0} + \mathbf{x}_{t,0,1} + \mathbf{x}_{t+1,0,2}

        \mathbf{o}_{t,1} &= \mathbf{d}_0(t-1) + \mathbf{d}_1(t) + \mathbf{d}_2(t+1)

    The second line is the convolution of the motion between frames, since products are linear.

    Args:
        x (Tensor): Products of all frames with the three weights of each of the two convolutions.
        ptr (Tensor): Offsets: sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every (int, optional): Number of frames of every sequence if all have equal length. (default: ``None``)
        bias (Tensor, optional): Bias of each of the two convolutions. (default: ``None``)
        rectify (bool, optional): If ``True``, applies a ReLU. (default: ``False``)

    Shapes:
        - **input:** ``x`` ``[F, V, 2, 3, D]``, ``ptr`` ``[N + 1]``, ``bias`` ``[2, D]``.
        - **output:** ``[F, V, 2, D]``.

    Raises:
        InputError: If shapes, types or devices do not match, or ``ptr`` does not increase from 0 to the number of
            frames.

    Example:
        >>> temporal_conv3(torch.ones(4, 1, 2, 3, 1), torch.tensor([0, 4]))[:, 0, 0, 0].tolist()
        [2.0, 3.0, 3.0, 2.0]

    Notes:
        ``x`` may be a slice of a wider tensor. The operator is differentiable any number of times. The native code
        supports float32, float64 and bfloat16 on the CPU and makes no shifted copies.

    Reference:
        Huang et al., *Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based Action Recognition*,
        ACM Multimedia 2020.
    """
    check_floats("x", x)
    if x.dim() != 5 or x.shape[2:4] != (2, 3):
        raise InputError(f"`x` must be [F, V, 2, 3, D] (got {list(x.shape)})")
    check_sequences("x", x, ptr, every)
    if bias is not None:
        check_companion("bias", bias, x)
        if bias.shape != (2, x.size(4)):
            raise InputError(f"`bias` must be [2, {x.size(4)}] as in `x` (got {list(bias.shape)})")
    check_flags(rectify=rectify)
    if _NATIVE and serves_clips(x, "temporal_conv3"):
        check_sequences_on_gpu(x, ptr, every)
        trains = torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad))
        # The native code fuses bias and ReLU, which it does not differentiate.
        last = (None, False) if trains else (None if bias is None else bias.to(sum_type(x)).contiguous(), rectify)
        window = torch.ops.graphkit.temporal_conv3
        out = call_native(window, x, ptr.long(), *last, check=lambda: check_sequence_values(ptr, x.size(0)))
        if not trains:
            return out
    else:
        if every is None:
            check_sequence_values(ptr, x.size(0))
        out = temporal_conv3_reference(x, ptr, every)
    out = out if bias is None else out + bias.to(out.dtype)
    return out.relu() if rectify else out


def temporal_conv3_reference(x: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
    """Computes the temporal convolutions in plain PyTorch."""
    first, last = _ends(x, ptr, every)

    def earlier(values: Tensor) -> Tensor:
        return values.roll(1, 0).masked_fill(first, 0.0)

    def later(values: Tensor) -> Tensor:
        return values.roll(-1, 0).masked_fill(last, 0.0)

    position, before = x[:, :, 0], x[:, :, 1]
    motion = (before.roll(-1, 0) - before).masked_fill(last.unsqueeze(3), 0.0)
    sums = [one[:, :, 1] + earlier(one[:, :, 0]) + later(one[:, :, 2]) for one in (position, motion)]
    return torch.stack(sums, dim=2)


def _ends(x: Tensor, ptr: Tensor, every: int | None) -> tuple[Tensor, Tensor]:
    """Returns masks of the first and the last frame of each sequence, ``[F, 1, 1]``."""
    if every is not None:
        number = torch.arange(x.size(0), device=x.device) % every
        first, last = number == 0, number == every - 1
    else:
        owner = owners(ptr, x.size(0))
        changes = owner[1:] != owner[:-1]
        end = torch.ones_like(owner[:1], dtype=torch.bool)
        first, last = torch.cat([end, changes]), torch.cat([changes, end])
    return first.view(-1, 1, 1), last.view(-1, 1, 1)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return call_native(torch.ops.graphkit.temporal_conv3_transposed, grad, *ctx.saved_tensors), None, None, None


def _transposed_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return call_native(torch.ops.graphkit.temporal_conv3, grad, *ctx.saved_tensors, None, False), None


if _NATIVE:

    @register_fake("temporal_conv3")
    def _fake(x: Tensor, ptr: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        return x.new_empty(x.size(0), x.size(1), 2, x.size(4))

    @register_fake("temporal_conv3_transposed")
    def _transposed_fake(grad: Tensor, ptr: Tensor) -> Tensor:
        return grad.new_empty(grad.size(0), grad.size(1), 2, 3, grad.size(3))

    torch.library.register_autograd("graphkit::temporal_conv3", _backward, setup_context=_setup_context)
    torch.library.register_autograd(
        "graphkit::temporal_conv3_transposed", _transposed_backward, setup_context=_setup_context
    )
