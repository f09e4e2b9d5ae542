"""Temporal resampling of clips: interpolation and repetition."""

import torch
from torch import Tensor

from graphkit.skeleton.seen import apply_seen, seen


def resample(
    x: Tensor,
    lengths: Tensor,
    new_lengths: Tensor,
    first: Tensor | None = None,
    last: Tensor | None = None,
    coordinates: int | None = None,
) -> Tensor:
    """Resamples each clip at evenly spaced times by linear interpolation.

    A joint that is not visible in one of the two frames is taken from the nearer frame.

    Args:
        x (Tensor): Concatenated frames ``[F, P, V, C]`` of all clips.
        lengths (Tensor): Number of frames ``[G]`` int64 of each clip.
        new_lengths (Tensor): New number of frames ``[G]`` int64 of each clip.
        first (Tensor, optional): Time ``[G]`` of the first new frame, in frames of the input; 0 if ``None``.
            (default: ``None``)
        last (Tensor, optional): Time ``[G]`` of the last new frame, in frames of the input; that of the last frame if
            ``None``. (default: ``None``)
        coordinates (int, optional): Number of channels that are coordinates. (default: all)

    Returns:
        Frames ``[F', P, V, C]``.

    Example:
        >>> x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
        >>> resample(x, torch.tensor([2]), torch.tensor([3])).flatten().tolist()
        [1.0, 2.0, 3.0]
    """
    ptr, new_ptr = _pointers(lengths), _pointers(new_lengths)
    owner = torch.repeat_interleave(torch.arange(lengths.numel()), new_lengths)
    number = torch.arange(owner.numel()) - new_ptr[owner]
    first = torch.zeros(lengths.numel()) if first is None else first
    last = lengths - 1.0 if last is None else last
    step = (last - first) / (new_lengths - 1).clamp(min=1)
    time = (first[owner] + step[owner] * number).clamp(min=0)
    before = torch.minimum(time.long(), lengths[owner] - 1)
    after = torch.minimum(before + 1, lengths[owner] - 1)
    share = (time - before).clamp(0, 1).to(x.dtype).view(-1, 1, 1, 1)
    a, b = x.index_select(0, ptr[owner] + before), x.index_select(0, ptr[owner] + after)
    in_a, in_b, near = seen(a, coordinates), seen(b, coordinates), share.round()
    both = in_a & in_b
    mask = both | torch.where(near > 0, in_b, in_a)
    return apply_seen(torch.lerp(a, b, torch.where(both, share, near)), mask, coordinates)


def repeat_to(x: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Repeats or truncates each clip to ``frames`` frames.

    Args:
        x (Tensor): Concatenated frames ``[F, P, V, C]`` of all clips.
        lengths (Tensor): Number of frames ``[G]`` int64 of each clip.
        frames (int): New number of frames of each clip.

    Returns:
        Frames ``[G * frames, P, V, C]``.

    Example:
        >>> x = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
        >>> repeat_to(x, torch.tensor([2]), frames=3).flatten().tolist()
        [1.0, 2.0, 1.0]
    """
    number = torch.arange(frames).remainder(lengths.unsqueeze(1))
    return x.index_select(0, (number + _pointers(lengths)[:-1].unsqueeze(1)).flatten())


def _pointers(lengths: Tensor) -> Tensor:
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
