"""A graph in a NumPy archive."""

import zipfile
from pathlib import Path

import numpy as np

from graphkit.data.own.arrays import fields_from_arrays
from graphkit.data.own.fields import Fields
from graphkit.errors import InputError
from graphkit.files import check_zip


def read_npz(path: Path, ignored: frozenset[str]) -> Fields:
    """Reads the arrays of a ``.npz`` file; arrays of Python objects are refused, not unpickled.

    Raises:
        ValueError: If the archive is damaged, holds an unsafe name or an array of objects, or the content is wrong.
    """
    check_zip(path)
    where = f"'{path}'"
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                if name not in ignored:
                    arrays[name] = archive[name]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{where}: `{name}` holds Python objects, which could run code; it is refused; save it as an array of "
                "numbers or fixed-length strings"
            ) from None
        raise InputError(f"{where} cannot be read ({error}); write it again with numpy.savez") from None
    return fields_from_arrays(arrays, where, ignored, strict=True)
