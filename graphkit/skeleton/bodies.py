"""Who of the bodies in a recording is kept, and what stands in for the frames in which somebody is not seen."""

import numpy as np

from graphkit.skeleton.seen import seen_array


def select_bodies(x: np.ndarray, keep: int = 2) -> np.ndarray:
    """Keeps the bodies that move most, in the order of their energy.

    The energy of a body is the sum of the standard deviations of its coordinates over the joints that were seen.

    Args:
        x: ``[T, M, V, C]``, all zeros where a body is not seen.
        keep: How many bodies to keep.

    Returns:
        ``[T, keep, V, C]``, with zeros for bodies that there are not.
    """
    if x.shape[1] == 1:
        return np.pad(x, ((0, 0), (0, keep - 1), (0, 0), (0, 0)))
    mask = seen_array(x)[..., 0]  # [T, M, V]
    energy = np.array([x[:, body][mask[:, body]].std(axis=0).sum() if mask[:, body].any() else -1.0
                       for body in range(x.shape[1])])  # fmt: skip
    order = np.argsort(-energy, kind="stable")[:keep]
    kept = x[:, order]
    return np.pad(kept, ((0, 0), (0, keep - kept.shape[1]), (0, 0), (0, 0)))


def fill_frames(x: np.ndarray, frames: int = 0) -> np.ndarray:
    """Lets every body begin in the first frame, and plays it again where it ends before the last one.

    Args:
        x: ``[T, P, V, C]``, all zeros where a body is not seen.
        frames: Number of frames of the result; 0 for as many as the body that is seen longest has.

    Returns:
        ``[frames, P, V, C]``; a body that is never seen stays zero.
    """
    present = np.asarray(seen_array(x)[..., 0].any(axis=-1))  # [T, P]
    first = present.argmax(axis=0)
    span = np.where(present.any(axis=0), len(x) - present[::-1].argmax(axis=0) - first, 1)
    count = frames or int(span.max())
    rows = first + np.arange(count)[:, None] % span
    return x[rows, np.arange(x.shape[1])]
