"""Clips with another number of frames: interpolated, or repeated until they are long enough."""

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
    """Reads each clip at evenly spaced times, between frames by linear interpolation.

    A joint that was not seen in one of the two frames is taken from the nearer one.

    Args:
        x: ``[F, P, V, C]``, the frames of all clips end to end.
        lengths: ``[G]`` int64, the number of frames of each clip.
        new_lengths: ``[G]`` int64, the number of frames that each is to have.
        first: ``[G]`` float, the time of the first new frame, counted in old ones; 0 by default.
        last: ``[G]`` float, the time of the last new frame; that of the last old one by default.
        coordinates (int, optional): Number of channels that are coordinates. (default: all)

    Returns:
        ``[F', P, V, C]``.
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
    """Plays each clip again and again until it has ``frames`` frames; longer ones are cut.

    Args:
        x: ``[F, P, V, C]``, the frames of all clips end to end.
        lengths: ``[G]`` int64, the number of frames of each clip.
        frames: The number of frames that each is to have.

    Returns:
        ``[G frames, P, V, C]``.
    """
    number = torch.arange(frames).remainder(lengths.unsqueeze(1))
    return x.index_select(0, (number + _pointers(lengths)[:-1].unsqueeze(1)).flatten())


def _pointers(lengths: Tensor) -> Tensor:
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
