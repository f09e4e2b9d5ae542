"""The four streams of a clip: joints, bones, and the motion of both from one frame to the next."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.layout import SkeletonLayout

STREAMS = ("joint", "bone", "joint-motion", "bone-motion")


def make_stream(stream: str, x: Tensor, ptr: Tensor, layout: SkeletonLayout, coordinates: int | None = None) -> Tensor:
    """Returns a stream of the frames of clips end to end.

    A bone is a joint minus its parent, and zero where there is none. Motion is the next frame minus this one, and zero
    in the last frame of a clip. Channels beyond the coordinates, such as a confidence, become the smaller one of the
    two that a difference is made of.

    Args:
        stream: One of :data:`STREAMS`.
        x: ``[F, P, V, C]``.
        ptr: ``[G + 1]``, where the frames of each clip begin.
        layout: The joints and bones.
        coordinates: How many of the C channels are coordinates; all by default.

    Raises:
        ValueError: If there is no such stream.
    """
    if stream not in STREAMS:
        raise InputError(f"`stream` must be one of {', '.join(STREAMS)} (got {stream!r})")
    count = x.size(-1) if coordinates is None else coordinates
    if stream.startswith("bone"):
        parents = layout.parents
        root = torch.tensor([parent < 0 for parent in parents], device=x.device)
        parent = torch.tensor([max(parent, 0) for parent in parents], device=x.device)
        x = _difference(x, x.index_select(2, parent), count, root[:, None])
    if stream.endswith("motion"):
        last = torch.zeros(x.size(0), dtype=torch.bool, device=x.device).index_fill(0, ptr[1:] - 1, True)
        x = _difference(x.roll(-1, 0), x, count, last[:, None, None, None])
    return x


def _difference(a: Tensor, b: Tensor, coordinates: int, absent: Tensor) -> Tensor:
    """Returns ``a - b``, zero where there is no partner, and the smaller one of what are not coordinates."""
    moved = (a[..., :coordinates] - b[..., :coordinates]).masked_fill(absent, 0.0)
    if coordinates == a.size(-1):
        return moved
    return torch.cat([moved, torch.minimum(a[..., coordinates:], b[..., coordinates:])], dim=-1)
