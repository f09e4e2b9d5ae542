"""Visibility of joints.

A joint with zero coordinates or a confidence of zero was not seen.

All functions on joints use :func:`seen` and keep the coordinates of unseen joints at zero. A visible joint at the
origin, such as the center of a clip, has :data:`ORIGIN` as its first coordinate, to distinguish it from an unseen
joint; :class:`~graphkit.data.ClipCollection` replaces it by zero before a clip is passed to a model.
"""

import numpy as np
import torch
from torch import Tensor

#: First coordinate of a visible joint at the origin: not zero, and too small to change any sum.
ORIGIN = 1e-30


def seen(x: Tensor, coordinates: int | None = None) -> Tensor:
    """Returns the visibility mask of joints.

    A joint is visible if a coordinate and, where there is one, the confidence are not zero.

    Args:
        x (Tensor): Joints ``[..., V, C]``.
        coordinates (int, optional): Number of channels that are coordinates; the next one is a confidence.
            (default: all)

    Returns:
        Mask ``[..., V, 1]`` bool.

    Example:
        >>> seen(torch.tensor([[0.0, 0.0], [1.0, 0.0]])).tolist()
        [[False], [True]]
    """
    count = x.size(-1) if coordinates is None else coordinates
    mask = x[..., :1] != 0
    for channel in range(1, count):  # twice as fast as any() over a short dimension
        mask |= x[..., channel : channel + 1] != 0
    return mask & (x[..., count : count + 1] != 0) if count < x.size(-1) else mask


def seen_array(x: np.ndarray) -> np.ndarray:
    """Returns the visibility mask of a NumPy array, see :func:`seen`."""
    return seen(torch.from_numpy(x)).numpy()


def apply_seen(x: Tensor, mask: Tensor, coordinates: int | None = None) -> Tensor:
    """Sets unseen joints to zero and marks visible joints at the origin.

    Args:
        x (Tensor): Joints ``[..., V, C]``.
        mask (Tensor): Visibility mask ``[..., V, 1]``, see :func:`seen`.
        coordinates (int, optional): Number of channels that are coordinates; the others stay. (default: all)
    """
    count = x.size(-1) if coordinates is None else coordinates
    pos = x[..., :count].masked_fill(~mask, 0.0)
    pos[..., :1].masked_fill_(mask & ~seen(pos), ORIGIN)
    return pos if count == x.size(-1) else torch.cat([pos, x[..., count:]], dim=-1)


def clear_origin(x: Tensor) -> Tensor:
    """Replaces :data:`ORIGIN`, also after a rotation, by zero in place."""
    return x.masked_fill_(x.abs() < 1e3 * ORIGIN, 0.0)


def mark_root(x: np.ndarray, joint: int) -> np.ndarray:
    """Marks the root joint of root-relative clips as visible.

    The joint is a root if it is zero in every frame and the origin is inside the bounding box of the other joints in
    more than half of the frames. Otherwise, a joint that is zero in every frame is unseen.

    Args:
        x (np.ndarray): Coordinates ``[T, P, V, C]``.
        joint (int): Joint that clips are centered on.

    Returns:
        Coordinates ``[T, P, V, C]``; ``x`` itself if there is no root.
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
