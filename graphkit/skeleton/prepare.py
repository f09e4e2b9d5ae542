"""Preparation of coordinates: centring, alignment and scaling to a box.

All functions take the frames of many clips end to end, ``x`` ``[F, P, V, C]``, and have no loop over clips, persons or
joints. Joints that were not seen, see :func:`graphkit.skeleton.seen`, count nowhere and stay zero.
"""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.seen import apply_seen, seen

CENTRES = ("none", "first", "each")


def center(x: Tensor, ptr: Tensor, joint: int, how: str = "each", coordinates: int | None = None) -> Tensor:
    """Moves all persons of a clip so that one joint of the first person lies at the origin.

    In a frame in which that joint was not seen, its position in the nearest frame of the clip counts, in the earlier of
    two. In a clip in which it was never seen, the mean of the joints of the first person that were seen takes its
    place, or of all persons if the first was never seen. A clip that is moved as a whole thus gives the same result.

    Args:
        x: ``[F, P, V, C]`` coordinates.
        ptr: ``[G + 1]``, where the frames of each clip begin.
        joint: The joint.
        how: ``"each"`` moves every frame by itself, which takes away where a person goes; ``"first"`` moves all frames
            as the first one; ``"none"`` moves nothing.
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)

    Returns:
        ``[F, P, V, C]``; joints that were not seen are zero.
    """
    if how not in CENTRES:
        raise InputError(f"`center` must be one of {', '.join(CENTRES)} (got {how!r})")
    if how == "none":
        return x
    mask, pos = seen(x, coordinates), x[..., :coordinates]
    origin = _origins(pos, mask, ptr, joint)
    if how == "first":
        origin = origin[ptr[:-1]].repeat_interleave(ptr.diff(), dim=0)
    return _with_channels(apply_seen(pos - origin[:, None, None], mask), x)


def align(
    x: Tensor, ptr: Tensor, up: tuple[int, ...], across: tuple[int, ...], coordinates: int | None = None
) -> Tensor:
    """Turns each clip so that in its first frame the first person stands along the z axis, shoulders along the x axis.

    First the smallest rotation that brings the bone ``up`` to the z axis, then the smallest one that brings ``across``
    to the x axis. Each is taken from the first frame in which both of its joints were seen; a clip without such a frame
    is not turned.

    Args:
        x: ``[F, P, V, 3]``.
        ptr: ``[G + 1]``, where the frames of each clip begin.
        up: Two joints, from the lower to the upper one; empty to leave that rotation out.
        across: Two joints, from the right to the left shoulder; empty to leave that rotation out.
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)

    Returns:
        ``[F, P, V, 3]``; joints that were not seen are zero.

    Raises:
        ValueError: If there are not three coordinates.
    """
    mask, pos = seen(x, coordinates), x[..., :coordinates]
    if pos.size(-1) != 3:
        raise InputError(f"only joints with three coordinates can be turned (got {pos.size(-1)}); set `align` to false")
    if not up and not across:
        return x
    for joints, axis in ((up, (0.0, 0.0, 1.0)), (across, (1.0, 0.0, 0.0))):
        if joints:
            visible = mask[:, 0, joints[0], 0] & mask[:, 0, joints[1], 0]
            frame = nearest_frames(visible, ptr)[ptr[:-1]]
            bone = pos[frame, 0, joints[1]] - pos[frame, 0, joints[0]]
            turn = rotation_between(bone * visible[frame, None], torch.tensor(axis, dtype=x.dtype))
            rotation = turn.repeat_interleave(ptr.diff(), dim=0)
            pos = (pos.flatten(1, 2) @ rotation.transpose(1, 2)).view_as(pos)
    return _with_channels(apply_seen(pos, mask), x)


def fit_box(x: Tensor, lengths: Tensor, coordinates: int) -> Tensor:
    """Stretches each clip so that each of its coordinates runs from -1 to 1 over all joints, persons and frames.

    Bodies of all sizes, near and far, then fill the same box.

    Args:
        x: ``[F, P, V, C]``.
        lengths: ``[G]``, the number of frames of each clip.
        coordinates: How many of the C channels are coordinates; the others stay.

    Returns:
        ``[F, P, V, C]``; joints that were not seen stay zero.
    """
    visible = seen(x, coordinates)
    pos = x[..., :coordinates]
    low = torch.where(visible, pos, torch.inf).amin(dim=(1, 2))
    high = torch.where(visible, pos, -torch.inf).amax(dim=(1, 2))
    least = torch.segment_reduce(low, "min", lengths=lengths).repeat_interleave(lengths, dim=0)[:, None, None]
    most = torch.segment_reduce(high, "max", lengths=lengths).repeat_interleave(lengths, dim=0)[:, None, None]
    pos = apply_seen(2.0 * (pos - least) / (most - least).clamp(min=1e-6) - 1.0, visible)
    return _with_channels(pos, x)


def rotation_between(start: Tensor, end: Tensor) -> Tensor:
    """Returns the smallest rotations that bring vectors to a direction: ``[G, 3]`` and ``[3]`` to ``[G, 3, 3]``.

    A vector without a direction is not turned; one that points the opposite way is turned about some axis.
    """
    length = start.norm(dim=1, keepdim=True)
    unit = torch.where(length > 1e-6, start / length.clamp(min=1e-6), end)
    axis, cosine = torch.linalg.cross(unit, end.expand_as(unit)), unit @ end
    zero = torch.zeros_like(cosine)
    skew = torch.stack(
        [zero, -axis[:, 2], axis[:, 1], axis[:, 2], zero, -axis[:, 0], -axis[:, 1], axis[:, 0], zero], dim=1
    ).view(-1, 3, 3)
    eye = torch.eye(3, dtype=start.dtype)
    turn = eye + skew + skew @ skew / (1.0 + cosine).clamp(min=1e-6).view(-1, 1, 1)
    other = eye[(end.abs().argmin())]  # any axis at a right angle does where the cross product vanishes
    normal = torch.linalg.cross(end, other)
    normal = normal / normal.norm()
    half = 2.0 * torch.outer(normal, normal) - eye
    return torch.where((cosine < -1.0 + 1e-6).view(-1, 1, 1), half, turn)


def nearest_frames(mask: Tensor, ptr: Tensor) -> Tensor:
    """Returns the nearest known frame of the same clip, the earlier of two, for each frame.

    Args:
        known: ``[F]`` bool.
        ptr: ``[G + 1]``, where the frames of each clip begin.

    Returns:
        ``[F]`` int64; in a clip without a known frame, each frame itself.
    """
    frames = torch.arange(mask.numel())
    if bool(mask.all()):
        return frames
    far = mask.numel()
    start, end = (edge.repeat_interleave(ptr.diff()) for edge in (ptr[:-1], ptr[1:]))
    before = torch.where(mask, frames, -1).cummax(dim=0).values
    after = torch.where(mask, frames, far).flip(0).cummin(dim=0).values.flip(0)
    back = torch.where(before >= start, frames - before, far)
    ahead = torch.where(after < end, after - frames, far)
    return torch.where(torch.minimum(back, ahead) < far, torch.where(back <= ahead, before, after), frames)


def _origins(pos: Tensor, mask: Tensor, ptr: Tensor, joint: int) -> Tensor:
    """Returns the point that each frame is to be moved by, ``[F, C]``, see :func:`center`."""
    lengths = ptr.diff()
    origin, visible = pos[:, 0, joint], mask[:, 0, joint, 0]
    for persons in (slice(0, 1), slice(None)):
        never = torch.segment_reduce((~visible).float(), "min", lengths=lengths, initial=1.0) > 0
        if not bool(never.any()):
            break
        shown = mask[:, persons]
        count = shown.sum(dim=(1, 2))
        mean = torch.where(shown, pos[:, persons], 0.0).sum(dim=(1, 2)) / count.clamp(min=1)
        frames = never.repeat_interleave(lengths)
        origin = torch.where(frames[:, None], mean, origin)
        visible = torch.where(frames, count[:, 0] > 0, visible)
    return origin[nearest_frames(visible, ptr)]


def _with_channels(pos: Tensor, x: Tensor) -> Tensor:
    """Returns coordinates with the channels of ``x`` that are none."""
    count = pos.size(-1)
    return pos if count == x.size(-1) else torch.cat([pos, x[..., count:]], dim=-1)
