"""Reader of a single clip from a file of any supported format."""

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

#: Suffixes of clip files.
SUFFIXES = (".npy", ".csv", ".skeleton", ".json")


def read_clip_file(path: Path, layout: SkeletonLayout, channels: int, bodies: str = "tracked") -> np.ndarray:
    """Reads a clip without preprocessing.

    A ``.npy`` file holds ``[T, V, C]`` for one person or ``[T, P, V, C]``, a ``.csv`` file one frame of one person per
    line. A ``.skeleton`` file has the format of NTU RGB+D, a ``.json`` file that of NW-UCLA or Kinetics-Skeleton.

    Args:
        path (Path): File.
        layout (SkeletonLayout): Expected joint layout.
        channels (int): Expected number of channels C of a joint.
        bodies (str, optional): Assignment of bodies to persons in a ``.skeleton`` file, see
            :func:`graphkit.skeleton.readers.ntu.read_skeleton_file`. (default: ``"tracked"``)

    Returns:
        Coordinates ``[T, P, V, C]``.

    Raises:
        InputError: If the file has another format or cannot be read; the message names the file.
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
    """Reads a JSON clip of NW-UCLA or Kinetics-Skeleton."""
    with parsing(path, kind="as JSON"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "skeletons" in content:
        return nw_ucla_frames(content, f"'{path}'")[:, None]
    if isinstance(content, dict) and "data" in content:
        x = kinetics_persons(path, content["data"])
        if x is None:
            raise InputError(f"'{path}' has no skeleton in any of its frames; leave it out")
        return x
    raise InputError(f"'{path}' is not a clip: expected the key 'skeletons' (NW-UCLA) or 'data' (Kinetics)")
