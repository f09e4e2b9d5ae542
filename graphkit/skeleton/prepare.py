"""Preprocessing of coordinates: centering, alignment and scaling.

All functions take the concatenated frames of many clips, ``x`` ``[F, P, V, C]``. Joints that were not seen, see
:func:`graphkit.skeleton.seen`, are ignored and stay zero.
"""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.seen import apply_seen, seen

CENTRES = ("none", "first", "each")


def center(x: Tensor, ptr: Tensor, joint: int, how: str = "each", coordinates: int | None = None) -> Tensor:
    """Translates clips so that one joint of the first person is the origin.

    If the joint is not visible in a frame, its position in the nearest frame of the clip is used (the earlier of two).
    If it is never visible in a clip, the mean of the visible joints of the first person is used, or of all persons if
    the first one is never visible. The result is invariant to translations of the clip.

    Args:
        x (Tensor): Coordinates ``[F, P, V, C]``.
        ptr (Tensor): Offsets ``[G + 1]`` of the clips.
        joint (int): Joint that becomes the origin.
        how (str, optional): ``"each"`` translates every frame by itself, which removes global motion; ``"first"``
            translates all frames of a clip like the first one; ``"none"`` returns ``x``. (default: ``"each"``)
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)

    Returns:
        Coordinates ``[F, P, V, C]``; joints that were not seen are zero.

    Raises:
        InputError: If ``how`` is invalid.
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
    """Rotates clips so that the body axes of the first person are the z and x axes.

    The smallest rotation that maps the axis ``up`` to the z axis is followed by the smallest one that maps ``across``
    to the x axis. Each is computed from the first frame in which both joints are visible, and is skipped for a clip
    without such a frame.

    Args:
        x (Tensor): Coordinates ``[F, P, V, 3]``.
        ptr (Tensor): Offsets ``[G + 1]`` of the clips.
        up (tuple[int, ...]): Lower and upper joint of the vertical axis; empty to skip this rotation.
        across (tuple[int, ...]): Right and left shoulder; empty to skip this rotation.
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)

    Returns:
        Coordinates ``[F, P, V, 3]``; joints that were not seen are zero.

    Raises:
        InputError: If there are not three coordinates.
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
    """Scales each clip so that each coordinate ranges from -1 to 1.

    The range is taken over all joints, persons and frames of the clip.

    Args:
        x (Tensor): Coordinates ``[F, P, V, C]``.
        lengths (Tensor): Number of frames ``[G]`` of each clip.
        coordinates (int): Number of channels that are coordinates; the others stay.

    Returns:
        Coordinates ``[F, P, V, C]``; joints that were not seen stay zero.
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
    """Returns the smallest rotations of vectors ``[G, 3]`` to a direction.

    A zero vector is not rotated; an opposite vector is rotated about any perpendicular axis.
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
    other = eye[(end.abs().argmin())]  # any perpendicular axis where the cross product vanishes
    normal = torch.linalg.cross(end, other)
    normal = normal / normal.norm()
    half = 2.0 * torch.outer(normal, normal) - eye
    return torch.where((cosine < -1.0 + 1e-6).view(-1, 1, 1), half, turn)


def nearest_frames(mask: Tensor, ptr: Tensor) -> Tensor:
    """Returns the nearest valid frame of the same clip for each frame.

    Args:
        mask (Tensor): Mask ``[F]`` of the valid frames.
        ptr (Tensor): Offsets ``[G + 1]`` of the clips.

    Returns:
        Frame indices ``[F]`` int64, the earlier of two; the frame itself in a clip without a valid frame.
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
    """Returns the origin of each frame, ``[F, C]``, see :func:`center`."""
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
    """Appends the channels of ``x`` that are not coordinates."""
    count = pos.size(-1)
    return pos if count == x.size(-1) else torch.cat([pos, x[..., count:]], dim=-1)
