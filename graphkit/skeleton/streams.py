"""The four streams of a clip: joints, bones, and the motion of both from one frame to the next."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.layout import SkeletonLayout
from graphkit.skeleton.seen import seen

STREAMS = ("joint", "bone", "joint-motion", "bone-motion")


def make_stream(stream: str, x: Tensor, ptr: Tensor, layout: SkeletonLayout, coordinates: int | None = None) -> Tensor:
    """Returns a stream of the frames of clips end to end.

    A bone is a joint minus its parent, and zero where there is none. Motion is the next frame minus this one, and zero
    in the last frame of a clip. Both are zero, which stands for unknown, where one of the two joints was not seen, see
    :func:`graphkit.skeleton.seen`. Channels beyond the coordinates, such as a confidence, become the smaller one of the
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
    mask = seen(x, count)
    if stream == "joint" and count < x.size(-1):  # a confidence of zero: its coordinates say nothing
        return torch.cat([torch.where(mask, x[..., :count], 0.0), x[..., count:]], dim=-1)
    if stream.startswith("bone"):
        parents = [joint if parent < 0 else parent for joint, parent in enumerate(layout.parents)]
        x, mask = _difference(x, mask, 2, torch.tensor(parents, device=x.device), count, minus=True)
    if stream.endswith("motion"):
        following = torch.arange(1, x.size(0) + 1, device=x.device)
        following[ptr[1:] - 1] -= 1
        x, mask = _difference(x, mask, 0, following, count, minus=False)
    return x


def _difference(x: Tensor, mask: Tensor, dim: int, partner: Tensor, count: int, minus: bool) -> tuple[Tensor, Tensor]:
    """Returns ``x - x[partner]`` (``minus``) or ``x[partner] - x`` along a dimension, and where both were seen."""
    other, mask = x.index_select(dim, partner), mask & mask.index_select(dim, partner)
    a, b = (x, other) if minus else (other, x)
    moved = (a[..., :count] - b[..., :count]).masked_fill(~mask, 0.0)
    if count < x.size(-1):
        moved = torch.cat([moved, torch.minimum(a[..., count:], b[..., count:])], dim=-1)
    return moved, mask
