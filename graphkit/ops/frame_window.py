"""What a convolution over three frames, of positions and of motion, makes of products that are ready."""

import torch
from torch import Tensor


def frame_window(x: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
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

    Shapes:
        - **input:** ``x`` ``[F, V, 2, 3, D]``, ``ptr`` ``[N + 1]``.
        - **output:** ``[F, V, 2, D]``.

    Raises:
        ValueError: If the shape does not fit.
    """
    if x.dim() != 5 or x.shape[2:4] != (2, 3):
        raise ValueError(f"`x` must be [F, V, 2, 3, D] (got {list(x.shape)})")
    return frame_window_reference(x, ptr, every)


def frame_window_reference(x: Tensor, ptr: Tensor, every: int | None = None) -> Tensor:
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
        first = torch.zeros(x.size(0), dtype=torch.bool, device=x.device).index_fill(0, ptr[:-1], True)
        last = torch.zeros_like(first).index_fill(0, ptr[1:] - 1, True)
    return first.view(-1, 1, 1), last.view(-1, 1, 1)
