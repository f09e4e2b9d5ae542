"""Joint, bone and motion streams of clips."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.skeleton.layout import SkeletonLayout
from graphkit.skeleton.seen import seen

STREAMS = ("joint", "bone", "joint-motion", "bone-motion")


def make_stream(stream: str, x: Tensor, ptr: Tensor, layout: SkeletonLayout, coordinates: int | None = None) -> Tensor:
    """Returns a stream of the concatenated frames of clips.

    A bone is the difference of a joint and its parent, zero for a root. Motion is the difference of the next and the
    current frame, zero in the last frame of a clip. Differences are zero if one of the two joints is not visible, see
    :func:`graphkit.skeleton.seen`. Other channels, such as a confidence, are the minimum of the two joints.

    Args:
        stream (str): One of :data:`STREAMS`.
        x (Tensor): Frames ``[F, P, V, C]``.
        ptr (Tensor): Offsets ``[G + 1]`` of the clips.
        layout (SkeletonLayout): Joint layout.
        coordinates (int, optional): Number of channels that are coordinates. (default: all)

    Returns:
        Stream ``[F, P, V, C]``.

    Raises:
        InputError: If there is no such stream.

    Example:
        >>> layout = SkeletonLayout.from_edges([(1, 0)])
        >>> x = torch.tensor([[1.0], [3.0]]).view(1, 1, 2, 1)
        >>> make_stream("bone", x, torch.tensor([0, 1]), layout).flatten().tolist()
        [0.0, 2.0]
    """
    if stream not in STREAMS:
        raise InputError(f"`stream` must be one of {', '.join(STREAMS)} (got {stream!r})")
    count = x.size(-1) if coordinates is None else coordinates
    mask = seen(x, count)
    if stream == "joint" and count < x.size(-1):  # coordinates of joints with zero confidence are undefined
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
    """Returns differences along a dimension and their visibility mask.

    These are ``x - x[partner]`` if ``minus``, otherwise ``x[partner] - x``.
    """
    other, mask = x.index_select(dim, partner), mask & mask.index_select(dim, partner)
    a, b = (x, other) if minus else (other, x)
    moved = (a[..., :count] - b[..., :count]).masked_fill(~mask, 0.0)
    if count < x.size(-1):
        moved = torch.cat([moved, torch.minimum(a[..., count:], b[..., count:])], dim=-1)
    return moved, mask
