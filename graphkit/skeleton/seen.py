"""Visibility of joints: zero coordinates or a confidence of zero mark a joint that was not seen.

Every function on joints asks :func:`seen` and keeps the coordinates of unseen joints at zero. A seen joint that lies
at the origin, such as the one that a clip is centered on, has :data:`ORIGIN` as its first coordinate, so that it stays
apart from an unseen one; :class:`~graphkit.data.ClipCollection` puts zero there before a network reads the clip.
"""

import numpy as np
import torch
from torch import Tensor

#: First coordinate of a seen joint at the origin: not zero, and too small to change any sum.
ORIGIN = 1e-30


def seen(x: Tensor, coordinates: int | None = None) -> Tensor:
    """Returns which joints were seen: those with a coordinate and, if there is one, a confidence other than zero.

    Args:
        x: ``[..., V, C]`` joints.
        coordinates (int, optional): Number of channels that are coordinates; the next one is a confidence.
            (default: all)

    Returns:
        ``[..., V, 1]`` bool.
    """
    count = x.size(-1) if coordinates is None else coordinates
    mask = x[..., :1] != 0
    for channel in range(1, count):  # twice as fast as any() over so short a dimension
        mask |= x[..., channel : channel + 1] != 0
    return mask & (x[..., count : count + 1] != 0) if count < x.size(-1) else mask


def seen_array(x: np.ndarray) -> np.ndarray:
    """Returns :func:`seen` of an array."""
    return seen(torch.from_numpy(x)).numpy()


def apply_seen(x: Tensor, mask: Tensor, coordinates: int | None = None) -> Tensor:
    """Sets the coordinates of unseen joints to zero and marks seen joints that lie at the origin.

    Args:
        x: ``[..., V, C]`` joints.
        mask: ``[..., V, 1]`` bool, see :func:`seen`.
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)
    """
    count = x.size(-1) if coordinates is None else coordinates
    pos = x[..., :count].masked_fill(~mask, 0.0)
    pos[..., :1].masked_fill_(mask & ~seen(pos), ORIGIN)
    return pos if count == x.size(-1) else torch.cat([pos, x[..., count:]], dim=-1)


def clear_origin(x: Tensor) -> Tensor:
    """Replaces :data:`ORIGIN`, and what a rotation makes of it, by zero, in place."""
    return x.masked_fill_(x.abs() < 1e3 * ORIGIN, 0.0)


def mark_root(x: np.ndarray, joint: int) -> np.ndarray:
    """Marks the root joint of root-relative clips as seen: the joint that all coordinates are relative to.

    Such a joint is zero in every frame and the origin lies among the other joints, in more than half of the frames
    inside of their bounding box. Otherwise a joint that is zero in every frame was never seen.

    Args:
        x: ``[T, P, V, C]`` coordinates.
        joint: The joint that clips are centered on.

    Returns:
        ``[T, P, V, C]``, ``x`` itself where nothing is to be marked.
    """
    mask = seen_array(x)
    present = mask.any(axis=(2, 3))  # [T, P]
    never = present.any(axis=0) & ~mask[:, :, joint, 0].any(axis=0)
    if not never.any():
        return x
    low = np.where(mask, x, np.inf).min(axis=2)
    high = np.where(mask, x, -np.inf).max(axis=2)
    inside = ((low <= 0) & (high >= 0)).all(axis=-1) & present
    root = never & (2 * inside.sum(axis=0) > present.sum(axis=0))
    x = x.copy()
    x[:, :, joint, 0] = np.where(present & root, x.dtype.type(ORIGIN), x[:, :, joint, 0])
    return x
