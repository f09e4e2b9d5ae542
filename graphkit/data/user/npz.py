"""Reader of graphs in NumPy archives."""

import math
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from graphkit.data.array_files import check_header
from graphkit.data.user.arrays import ENTRY_SIZE, KEYS, STRING_SIZE, fields_from_arrays
from graphkit.data.user.fields import Fields
from graphkit.data.user.targets import DEFAULTS, TargetOptions
from graphkit.errors import InputError
from graphkit.files import check_content_size, check_zip, parsing


def read_npz(path: Path, ignored: frozenset[str], options: TargetOptions) -> Fields:
    """Reads the arrays of a ``.npz`` file without unpickling.

    Args:
        path (Path): The file.
        ignored (set[str]): Arrays to ignore.
        options (TargetOptions): Selection of the targets.

    Raises:
        InputError: If the archive is damaged, contains an unsafe name or Python objects, or its content is invalid.
    """
    arrays = load_arrays(path, ignored, (*KEYS, *DEFAULTS, *options.names))
    return fields_from_arrays(arrays, f"'{path}'", ignored, options, strict=True)


def load_arrays(
    path: Path, ignored: frozenset[str] = frozenset(), names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Loads the arrays of a ``.npz`` file without unpickling.

    Args:
        path (Path): The file.
        ignored (set[str], optional): Arrays to ignore. (default: empty)
        names (list[str], optional): Arrays to load; others are empty. (default: ``None``, all)

    Raises:
        InputError: If the archive is damaged, or contains an unsafe name or Python objects.
    """
    check_zip(path)
    bytes_used = 0
    arrays: dict[str, np.ndarray] = {}
    with parsing(path, "write it again with numpy.savez"), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in ignored:
                continue
            if name in arrays:
                raise InputError(f"'{path}' holds `{name}` twice; write it again with numpy.savez")
            if names is not None and name not in names:
                arrays[name] = np.empty(0)  # reported by a later check
                continue
            with archive.open(member) as file:
                shape, dtype = check_header(file, member.file_size, f"{path}/{member.filename}")
            entry = STRING_SIZE if dtype.kind in "US" else ENTRY_SIZE.get(name, 1)
            bytes_used += math.prod(shape) * max(dtype.itemsize, entry)
            check_content_size(path, bytes_used, "its arrays", "if it is right, write them without compression")
            with archive.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays
