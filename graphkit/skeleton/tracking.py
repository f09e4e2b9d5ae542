"""Assignment of bodies to persons by tracking ids."""

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
    """Sorts the bodies of each frame by their tracking ids, so that each person has one place in all frames.

    Persons are in the order in which they first appear. A tracker that loses a person gives a new id afterwards: an id
    that begins where another one has ended, within 0.3 m of the mean of its joints, belongs to the same person.

    Args:
        x: ``[T, M, V, C]``, the bodies in the order in which each frame lists them.
        ids: The tracking ids of the bodies of each frame.
        path: The file, for error messages.

    Returns:
        ``[T, P, V, C]`` for P persons, zeros where a person is absent.
    """
    if all(list(row) == list(ids[0]) for row in ids):
        return x
    keys = [[(name, list(row[:place]).count(name)) for place, name in enumerate(row)] for row in ids]
    ends = {key: frame for frame, row in enumerate(keys) for key in row}
    shown = seen_array(x)
    means = np.where(shown, x, 0.0).sum(axis=2) / np.maximum(shown.sum(axis=2), 1)  # [T, M, C]
    person_of: dict[tuple[bytes, int], int] = {}
    last: list[tuple[int, np.ndarray]] = []  # for each person the frame in which the current id ends, and the place
    order = np.full(x.shape[:2], -1)
    for frame, row in enumerate(keys):
        for place, key in enumerate(row):
            mean = means[frame, place]
            if key not in person_of:
                gaps = [float(np.linalg.norm(mean - where)) if end < frame else math.inf for end, where in last]
                person_of[key] = int(np.argmin(gaps)) if gaps and min(gaps) <= _NEAR else len(last)
                if person_of[key] == len(last):
                    last.append((frame, mean))
            person = person_of[key]
            last[person] = (ends[key], mean)
            order[frame, place] = person
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
