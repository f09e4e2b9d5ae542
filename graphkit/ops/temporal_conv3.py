"""What a convolution over three frames, of positions and of motion, makes of products that are ready."""

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

_NATIVE = offer("temporal_conv3")


def temporal_conv3(
    x: Tensor, ptr: Tensor, every: int | None = None, bias: Tensor | None = None, rectify: bool = False
) -> Tensor:
    r"""Adds what the previous, the own and the next frame contribute to a frame, for positions and for motion.

    A convolution over three frames is a sum of three products. Made for all frames at once, as one product with
    three times the columns, they only need to be shifted and added. With
    :math:`\mathbf{d}_j(t) = \mathbf{x}_{t+1,1,j} - \mathbf{x}_{t,1,j}` and zeros before the first, after the last
    and for :math:`\mathbf{d}` in the last frame of a sequence,

    .. math::
        \mathbf{o}_{t,0} &= \mathbf{x}_{t-1,0,0} + \mathbf{x}_{t,0,1} + \mathbf{x}_{t+1,0,2}

        \mathbf{o}_{t,1} &= \mathbf{d}_0(t-1) + \mathbf{d}_1(t) + \mathbf{d}_2(t+1)

    The second line is the convolution of the motion between frames, since products are linear.

    Args:
        x: The products of all frames with the three weights of the first and the three of the second convolution.
        ptr: Sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``.
        every: The number of frames of each sequence, if all have as many.
        bias: What is added to the channels of each of the two.
        rectify: Whether negative results become zero.

    Shapes:
        - **input:** ``x`` ``[F, V, 2, 3, D]``, ``ptr`` ``[N + 1]``, ``bias`` ``[2, D]``.
        - **output:** ``[F, V, 2, D]``.

    Raises:
        ValueError: If shapes, types or devices do not fit, or ``ptr`` does not rise from 0 to the number of frames.

    Notes:
        ``x`` may be a slice of a wider tensor. Gradients can be taken any number of times. The native code serves
        float32, float64 and bfloat16 on the CPU, in one pass that makes no shifted copy.

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
        # The native code adds and rectifies in one pass, and has no derivative of that.
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
    """The same in plain PyTorch."""
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
    """Returns which frames are the first and the last one of their sequence, ``[F, 1, 1]``."""
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

    @torch.library.register_fake("graphkit::temporal_conv3")
    def _fake(x: Tensor, ptr: Tensor, bias: Tensor | None, rectify: bool) -> Tensor:
        return x.new_empty(x.size(0), x.size(1), 2, x.size(4))

    @torch.library.register_fake("graphkit::temporal_conv3_transposed")
    def _transposed_fake(grad: Tensor, ptr: Tensor) -> Tensor:
        return grad.new_empty(grad.size(0), grad.size(1), 2, 3, grad.size(3))

    torch.library.register_autograd("graphkit::temporal_conv3", _backward, setup_context=_setup_context)
    torch.library.register_autograd(
        "graphkit::temporal_conv3_transposed", _transposed_backward, setup_context=_setup_context
    )
