"""Body tracking, selection and frame filling in recordings."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphkit.errors import InputError
from graphkit.files import check_content_size
from graphkit.skeleton.seen import seen_array

#: Most persons of a recording.
MOST_BODIES = 64
#: Distance in meters within which a new tracking id continues a person whose id has ended.
_NEAR = 0.3


def track_bodies(x: np.ndarray, ids: Sequence[Sequence[bytes]], path: Path) -> np.ndarray:
    """Assigns the bodies of each frame to persons by their tracking ids.

    Persons are in order of first appearance. A tracking id that begins after another one has ended, within 0.3 m of the
    mean of its joints, continues the same person.

    Args:
        x (np.ndarray): Bodies ``[T, M, V, C]`` in the order of the file.
        ids (Sequence[Sequence[bytes]]): Tracking ids of the bodies of each frame.
        path (Path): File, for error messages.

    Returns:
        Persons ``[T, P, V, C]``, zeros where a person is absent.

    Raises:
        InputError: If there are too many tracking ids.
    """
    if all(list(row) == list(ids[0]) for row in ids):
        return x
    keys = [[(name, list(row[:body]).count(name)) for body, name in enumerate(row)] for row in ids]
    ends = {key: frame for frame, row in enumerate(keys) for key in row}
    shown = seen_array(x)
    means = np.where(shown, x, 0.0).sum(axis=2) / np.maximum(shown.sum(axis=2), 1)  # [T, M, C]
    person_of: dict[tuple[bytes, int], int] = {}
    last: list[tuple[int, np.ndarray]] = []  # last frame of the current id and position of each person
    order = np.full(x.shape[:2], -1)
    for frame, row in enumerate(keys):
        for body, key in enumerate(row):
            mean = means[frame, body]
            if key not in person_of:
                gaps = [float(np.linalg.norm(mean - where)) if end < frame else math.inf for end, where in last]
                person_of[key] = int(np.argmin(gaps)) if gaps and min(gaps) <= _NEAR else len(last)
                if person_of[key] == len(last):
                    last.append((frame, mean))
            person = person_of[key]
            last[person] = (ends[key], mean)
            order[frame, body] = person
        if len(last) > MOST_BODIES:
            raise InputError(
                f"'{path}' must have at most {MOST_BODIES} tracking ids (got more in frame {frame + 1}); leave it out"
            )
    persons = max(len(last), 1)
    size = len(x) * persons * x[0, 0].size * x.itemsize
    check_content_size(path, size, f"{len(x):,} frames of {persons} persons", "leave it out")
    out = np.zeros((len(x), persons, *x.shape[2:]), dtype=x.dtype)
    frames, places = (order >= 0).nonzero()
    out[frames, order[frames, places]] = x[frames, places]
    return out


def select_bodies(x: np.ndarray) -> np.ndarray:
    """Selects the two bodies with the largest motion energy, in descending order.

    The energy of a body is the sum of the standard deviations of its coordinates over its visible joints.

    Args:
        x (np.ndarray): Bodies ``[T, M, V, C]``, zeros where a body is absent.

    Returns:
        Bodies ``[T, 2, V, C]``, zero-padded.
    """
    if x.shape[1] == 1:
        return np.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)))
    mask = seen_array(x)[..., 0]  # [T, M, V]
    energy = np.array([x[:, body][mask[:, body]].std(axis=0).sum() if mask[:, body].any() else -1.0
                       for body in range(x.shape[1])])  # fmt: skip
    order = np.argsort(-energy, kind="stable")[:2]
    kept = x[:, order]
    return np.pad(kept, ((0, 0), (0, 2 - kept.shape[1]), (0, 0), (0, 0)))


def fill_frames(x: np.ndarray) -> np.ndarray:
    """Shifts every body to the first frame and repeats bodies that end early.

    Args:
        x (np.ndarray): Bodies ``[T, P, V, C]``, zeros where a body is absent.

    Returns:
        Bodies ``[T', P, V, C]`` with the length of the longest body; a body that is always absent stays zero.
    """
    present = np.asarray(seen_array(x)[..., 0].any(axis=-1))  # [T, P]
    first = present.argmax(axis=0)
    span = np.where(present.any(axis=0), len(x) - present[::-1].argmax(axis=0) - first, 1)
    rows = first + np.arange(span.max())[:, None] % span
    return x[rows, np.arange(x.shape[1])]
