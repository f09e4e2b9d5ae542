"""One clip from one file of any known format, as it was recorded."""

import json
from pathlib import Path

import numpy as np

from graphkit.errors import InputError
from graphkit.files import parsing
from graphkit.skeleton.layout import SkeletonLayout
from graphkit.skeleton.readers.folder import read_csv, read_npy
from graphkit.skeleton.readers.kinetics import kinetics_persons
from graphkit.skeleton.readers.ntu import read_skeleton_file
from graphkit.skeleton.readers.nw_ucla import nw_ucla_frames

#: Ends of the names of files that may be clips.
SUFFIXES = (".npy", ".csv", ".skeleton", ".json")


def read_clip_file(path: Path, layout: SkeletonLayout, channels: int, bodies: str = "tracked") -> np.ndarray:
    """Reads a clip; nothing is moved, turned or selected.

    A ``.npy`` file holds ``[T, V, C]`` for one person or ``[T, P, V, C]``, a ``.csv`` file one frame of one person per
    line, a ``.skeleton`` file is one of NTU RGB+D, a ``.json`` file one of NW-UCLA or Kinetics-Skeleton.

    Args:
        path: The file.
        layout: The joints that it must have.
        channels: The numbers C of a joint that it must have.
        bodies: How persons in a ``.skeleton`` file are told apart, see
            :func:`graphkit.skeleton.readers.ntu.read_skeleton_file`.

    Returns:
        ``[T, P, V, C]``.

    Raises:
        ValueError: If the file has another form or cannot be read; its name is given.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path, layout.num_joints, channels)
    if suffix == ".csv":
        return read_csv(path, layout.num_joints, channels)
    if suffix == ".skeleton":
        x = read_skeleton_file(path, bodies)
    elif suffix == ".json":
        x = _json(path)
    else:
        raise InputError(f"'{path}' must end in {', '.join(SUFFIXES)} (got '{path.suffix}')")
    if x.shape[2:] != (layout.num_joints, channels):
        raise InputError(
            f"'{path}' must have {layout.num_joints} joints ({layout.name}) with {channels} channels, as the clips "
            f"that the model was trained on (got {x.shape[2]} joints with {x.shape[3]})"
        )
    return x


def _json(path: Path) -> np.ndarray:
    """Reads a clip of one of the two sets that come as JSON."""
    with parsing(path, kind="as JSON"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "skeletons" in content:
        return nw_ucla_frames(content, f"'{path}'")[:, None]
    if isinstance(content, dict) and "data" in content:
        x = kinetics_persons(path, content["data"])
        if x is None:
            raise InputError(f"'{path}' shows nobody: there is no person in any of its frames; leave it out")
        return x
    raise InputError(f"'{path}' is no clip: it has neither 'skeletons', as NW-UCLA has, nor 'data', as Kinetics has")
