"""Reader of a folder of ``.npy`` or ``.csv`` clips with a table ``labels.csv``."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from graphkit.errors import InputError
from graphkit.files import parsing
from graphkit.skeleton.clip import MOST_FRAMES, MOST_PERSONS, Clip
from graphkit.skeleton.layout import SkeletonLayout
from graphkit.skeleton.seen import mark_root

TABLE = "labels.csv"
_UTF_8 = "write it as a table with commas in UTF-8"


def read_table(folder: Path) -> list[dict[str, str]]:
    """Reads ``labels.csv``: the columns ``file``, ``label`` and optionally ``split``.

    Raises:
        FileNotFoundError: If the table does not exist.
        InputError: If a column or a cell is missing, or a file is duplicated; the message names the line.
    """
    path = folder / TABLE
    if not path.is_file():
        raise FileNotFoundError(f"the folder '{folder}' has no {TABLE}; write one with the columns file and label")
    with parsing(path, _UTF_8), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for column in ("file", "label"):
            if column not in (reader.fieldnames or ()):
                raise InputError(f"'{path}' has no column '{column}'; its first line must name file and label")
        rows: list[dict[str, str]] = []
        seen: dict[str, int] = {}
        for row in reader:
            cells = {name: (cell or "").strip() for name, cell in row.items() if isinstance(name, str)}
            if not cells["file"]:
                raise InputError(f"'{path}', line {reader.line_num}: 'file' must not be empty; fill it in")
            if cells["file"] in seen:
                first = seen[cells["file"]]
                where = f"'{path}', line {reader.line_num}"
                raise InputError(f"{where}: '{cells['file']}' is already in line {first}; remove one of the lines")
            seen[cells["file"]] = reader.line_num
            rows.append(cells)
    if not rows:
        raise InputError(f"'{path}' names no clip; write one line for each below the first")
    return rows


def read_folder(
    folder: Path, rows: Sequence[Mapping[str, str]], layout: SkeletonLayout, coordinates: int
) -> Iterator[Clip]:
    """Yields the clips of ``labels.csv`` in order, without labels.

    A ``.npy`` file holds ``[T, V, C]`` for one person or ``[T, P, V, C]``. A ``.csv`` file holds one frame of one
    person per line, joint by joint, with an optional header. Joints that were not seen are zeros, except for the root
    of root-relative coordinates, see :func:`graphkit.skeleton.seen.mark_root`.

    Args:
        folder (Path): Folder of the clips.
        rows (Sequence[Mapping[str, str]]): Output of :func:`read_table`.
        layout (SkeletonLayout): Joint layout.
        coordinates (int): Number of coordinates C of a joint.

    Raises:
        FileNotFoundError: If a file does not exist.
        InputError: If a file has another number of joints or coordinates, or cannot be read.
    """
    for row in rows:
        path = folder / row["file"]
        parts = Path(row["file"])
        if ".." in parts.parts or parts.is_absolute() or not path.is_file():
            raise FileNotFoundError(f"'{folder / TABLE}' names '{row['file']}', which is not in '{folder}'")
        if path.suffix.lower() == ".npy":
            x = read_npy(path, layout.num_joints, coordinates)
        elif path.suffix.lower() == ".csv":
            x = read_csv(path, layout.num_joints, coordinates)
        else:
            raise InputError(f"'{path}' must be a .npy or a .csv file (got '{path.suffix}')")
        yield Clip(row["file"], mark_root(x, layout.center))


def read_npy(path: Path, joints: int, coordinates: int) -> np.ndarray:
    """Reads a ``.npy`` clip as ``[T, P, V, C]`` float32.

    The file holds ``[T, V, C]`` for one person or ``[T, P, V, C]``.

    More persons than frames, or than 32, raise an error: the axes are then most likely ``[P, T, V, C]``.

    Raises:
        InputError: If the file holds another array; the message suggests a permutation of the axes where one fits.
    """
    with parsing(path, "write it with numpy.save", "as an array"):
        # Memory-mapped: a header cannot allocate more than the file size, nor Python objects.
        x: np.ndarray = open_memmap(path, mode="r")
    shape = x.shape
    x = x[:, None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[2:] != (joints, coordinates) or not x.shape[0] or x.dtype.kind not in "fiu":
        raise InputError(
            f"'{path}' must be [frames, {joints} joints, {coordinates}] or [frames, persons, {joints} joints, "
            f"{coordinates}] of numbers (got {list(shape)} of {x.dtype}); {_hint(shape, joints, coordinates)}"
        )
    frames, persons = x.shape[:2]
    if persons > min(frames, MOST_PERSONS):
        raise InputError(
            f"'{path}' must have at most as many persons as frames, and at most {MOST_PERSONS} (got {persons} persons "
            f"and {frames} frames in the shape {list(shape)}); if its axes are [persons, frames, joints, coordinates], "
            "save x.transpose(1, 0, 2, 3)"
        )
    if frames > MOST_FRAMES:
        raise InputError(f"'{path}' must have at most {MOST_FRAMES:,} frames (got {frames:,}); cut it into clips")
    with np.errstate(over="ignore"):  # infinite values raise an error later
        return x.astype(np.float32)


def _hint(shape: tuple[int, ...], joints: int, coordinates: int) -> str:
    """Returns the remedy for an array of this shape."""
    if len(shape) == 5:
        return "it has five axes: save each clip as a file of its own, with its axes in that order"
    if joints in shape and coordinates in shape and len(shape) in (3, 4) and shape[-2:] != (joints, coordinates):
        joint_axis, channel = shape.index(joints), shape.index(coordinates)
        rest = [axis for axis in range(len(shape)) if axis not in (joint_axis, channel)]
        if len(rest) == len(shape) - 2:
            rest.sort(key=lambda axis: -shape[axis])  # a clip has more frames than persons
            order = ", ".join(map(str, (*rest, joint_axis, channel)))
            return f"if its axes are in another order, save x.transpose({order})"
    return "see `data.layout` and `data.coordinates`"


def read_csv(path: Path, joints: int, coordinates: int) -> np.ndarray:
    """Reads a ``.csv`` clip with one frame per line as ``[T, 1, V, C]`` float32.

    Raises:
        InputError: If a line has another number of cells or a cell is not a number; the message names the line.
    """
    width = joints * coordinates
    rows = []
    with parsing(path, _UTF_8), path.open(encoding="utf-8-sig", newline="") as file, np.errstate(over="ignore"):
        reader = csv.reader(file)
        for cells in reader:
            if not cells:
                continue
            try:
                numbers = [float(cell) for cell in cells]
            except ValueError:
                if reader.line_num == 1:  # header
                    continue
                where = f"'{path}', line {reader.line_num}"
                raise InputError(f"{where}: expected numbers (got '{cells[0]}, ...')") from None
            if len(cells) != width:
                raise InputError(
                    f"'{path}', line {reader.line_num}: expected {width} numbers, {coordinates} for each of {joints} "
                    f"joints (got {len(cells)}); see `data.layout` and `data.coordinates`"
                )
            rows.append(np.array(numbers, dtype=np.float32))
            if len(rows) > MOST_FRAMES:
                raise InputError(f"'{path}' must have at most {MOST_FRAMES:,} frames (got more); cut it into clips")
    if not rows:
        raise InputError(f"'{path}' has no frame; write one line for each")
    return np.stack(rows).reshape(len(rows), 1, joints, coordinates)
