"""What is done to coordinates before a network sees them: bodies are moved to one place and turned one way.

All functions take the frames of many clips end to end, ``x`` ``[F, P, V, C]``, and have no loop over clips, persons or
joints. Coordinates that are all zero mean a joint that was not seen; they stay zero.
"""

import torch
from torch import Tensor

from graphkit.errors import InputError

CENTRES = ("none", "first", "each")


def centre(x: Tensor, ptr: Tensor, joint: int, how: str = "each") -> Tensor:
    """Moves all persons of a clip so that one joint of the first person lies at the origin.

    Args:
        x: ``[F, P, V, C]`` coordinates.
        ptr: ``[G + 1]``, where the frames of each clip begin.
        joint: The joint.
        how: ``"each"`` moves every frame by itself, which takes away where a person goes; ``"first"`` moves all frames
            as the first one; ``"none"`` moves nothing.

    Returns:
        ``[F, P, V, C]``.
    """
    if how not in CENTRES:
        raise InputError(f"`centre` must be one of {', '.join(CENTRES)} (got {how!r})")
    if how == "none":
        return x
    origin = x[:, 0, joint]
    if how == "first":
        origin = origin[ptr[:-1]].repeat_interleave(ptr.diff(), dim=0)
    return torch.where(seen(x), x - origin[:, None, None], 0.0)


def align(x: Tensor, ptr: Tensor, up: tuple[int, ...], across: tuple[int, ...]) -> Tensor:
    """Turns each clip so that in its first frame the first person stands along the z axis, shoulders along the x axis.

    First the smallest rotation that brings the bone ``up`` to the z axis, then the smallest one that brings ``across``
    to the x axis.

    Args:
        x: ``[F, P, V, 3]``.
        ptr: ``[G + 1]``, where the frames of each clip begin.
        up: Two joints, from the lower to the upper one; empty to leave that rotation out.
        across: Two joints, from the right to the left shoulder; empty to leave that rotation out.

    Returns:
        ``[F, P, V, 3]``.

    Raises:
        ValueError: If there are not three coordinates.
    """
    if x.size(-1) != 3:
        raise InputError(f"only joints with three coordinates can be turned (got {x.size(-1)}); set `align` to false")
    for joints, axis in ((up, (0.0, 0.0, 1.0)), (across, (1.0, 0.0, 0.0))):
        if joints:
            first = x[ptr[:-1], 0]
            turn = rotation_between(first[:, joints[1]] - first[:, joints[0]], torch.tensor(axis, dtype=x.dtype))
            each = turn.repeat_interleave(ptr.diff(), dim=0)
            x = (x.flatten(1, 2) @ each.transpose(1, 2)).view_as(x)
    return x


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
    visible = seen(x[..., :coordinates])
    place = x[..., :coordinates]
    low = torch.where(visible, place, torch.inf).amin(dim=(1, 2))
    high = torch.where(visible, place, -torch.inf).amax(dim=(1, 2))
    least = torch.segment_reduce(low, "min", lengths=lengths).repeat_interleave(lengths, dim=0)[:, None, None]
    most = torch.segment_reduce(high, "max", lengths=lengths).repeat_interleave(lengths, dim=0)[:, None, None]
    place = torch.where(visible, 2.0 * (place - least) / (most - least).clamp(min=1e-6) - 1.0, 0.0)
    return place if coordinates == x.size(-1) else torch.cat([place, x[..., coordinates:]], dim=-1)


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


def seen(x: Tensor) -> Tensor:
    """Returns which joints were seen, ``[F, P, V, 1]``: those whose coordinates are not all zero."""
    return (x != 0).any(dim=-1, keepdim=True)
