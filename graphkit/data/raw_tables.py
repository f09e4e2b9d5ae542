"""Safe readers of tables and arrays in raw files, with memory limits.

Errors name the file; :func:`graphkit.data.raw_files.read_files` adds the folder and the remedy.
"""

import gzip
import itertools
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.files import check_content_size, check_zip, parsing

#: Size limit in bytes of a dense matrix, unless :data:`MAX_DENSE_EXPANSION` times the file size is larger.
MAX_DENSE, MAX_DENSE_EXPANSION = 2**28, 1000


def reading(path: Path) -> AbstractContextManager[None]:
    """Returns a context that converts parser errors to errors that name the file.

    Raises:
        InputError: If the content cannot be read.
    """
    return parsing(path.name, "it is damaged, or not the published file")


def check_dense(path: Path, rows: int, columns: int) -> None:
    """Raises an error for a dense matrix that is too large for the size of its file."""
    limit = max(MAX_DENSE, MAX_DENSE_EXPANSION * path.stat().st_size)
    if rows * columns * 4 > limit:
        raise InputError(
            f"{path.name}: a matrix of {rows:,} x {columns:,} values is too large for a file of its size "
            f"(at most {limit:,} bytes)"
        )


def read_npz(path: Path, *names: str) -> list[np.ndarray]:
    """Reads numeric arrays from a ``.npz`` file.

    Raises:
        InputError: If the file is damaged or too large when unpacked, or an array is missing or contains Python
            objects.
    """
    check_zip(path)
    with reading(path), np.load(path, allow_pickle=False) as content:
        absent = [name for name in names if name not in content.files]
        if absent:
            raise InputError(f"{path.name}: the array `{absent[0]}` is absent")
        return [_numbers(content[name], f"{path.name}: `{name}`") for name in names]


def read_npy(path: Path) -> np.ndarray:
    """Reads a numeric array from a ``.npy`` file.

    Raises:
        InputError: If the file is damaged or truncated, or contains Python objects.
    """
    with reading(path):
        return _numbers(np.array(np.load(path, mmap_mode="r", allow_pickle=False)), path.name)


def _numbers(array: Any, where: str) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise InputError(f"{where}: it must hold numbers (got {getattr(array, 'dtype', type(array).__name__)})")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # PyTorch has no unsigned arithmetic
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise InputError(f"{where}: its numbers must be below 2^63 (got {int(array.max())})")
        return array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_table(
    path: Path, columns: int | None = None, delimiter: str | None = None, dtype: Any = np.int64, header: int = 0
) -> np.ndarray:
    """Reads a text file of numbers as ``[rows, columns]``; ``.gz`` files are unpacked.

    Args:
        path (Path): The file.
        columns (int, optional): Required number of columns. (default: ``None``, any)
        delimiter (str, optional): Separator of numbers. (default: ``None``, white space)
        dtype (optional): Type of the numbers. (default: ``np.int64``)
        header (int, optional): Number of lines to skip. (default: ``0``)

    Raises:
        InputError: If a line has another number of columns, or the file is damaged.
    """
    with reading(path), open_text(path) as file:
        for _ in range(header):
            file.readline()
        lines = (line for line in file if line.strip())
        first = next(lines, None)
        if first is None:
            return np.empty((0, columns or 0), dtype)
        width = len(first.split(delimiter))
        if columns is not None and width != columns:
            raise InputError(f"{path.name}: each line must have {columns} numbers (got {width} in the first)")
        rows = itertools.chain([first], lines)
        return np.loadtxt(rows, dtype=dtype, delimiter=delimiter, ndmin=2, comments=None)


def open_text(path: Path) -> IO[str]:
    """Opens a UTF-8 text file; ``.gz`` files are unpacked, with a limit on their size."""
    if path.suffix != ".gz":
        return open(path, encoding="utf-8")
    size = 0
    with gzip.open(path) as file:
        while chunk := file.read(2**20):
            size += len(chunk)
            check_content_size(path, size, "the unpacked content", "fetch it again")
    return gzip.open(path, "rt", encoding="utf-8")


def dense_from_csr(
    path: Path, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: Any, dtype: Any = np.float32
) -> np.ndarray:
    """Converts the arrays of a CSR matrix to a dense matrix, after validation.

    Raises:
        InputError: If the arrays are inconsistent, or the matrix is too large for the file.
    """
    row, column, (rows, columns) = csr_entries(path, indices, indptr, shape)
    if data.shape != column.shape:
        raise InputError(f"{path.name}: a sparse matrix has {column.size} entries and {data.size} values")
    check_dense(path, rows, columns)
    dense = np.zeros((rows, columns), dtype)
    np.add.at(dense, (row, column), data)  # duplicate entries are summed, as in SciPy
    return dense


def csr_entries(
    path: Path, indices: np.ndarray, indptr: np.ndarray, shape: Any
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Returns the rows, columns and shape of the entries of a CSR matrix.

    Raises:
        InputError: If the arrays are inconsistent.
    """
    size = [int(count) for count in np.asarray(shape).reshape(-1)]
    valid = all(array.ndim == 1 and array.dtype.kind in "iu" for array in (indices, indptr))
    if len(size) != 2 or min(size) < 0 or not valid or indptr.size != size[0] + 1:
        raise InputError(f"{path.name}: the arrays of a sparse matrix do not fit together")
    indices, indptr = indices.astype(np.int64), indptr.astype(np.int64)
    counts = np.diff(indptr)
    if indptr[0] != 0 or indptr[-1] != indices.size or bool((counts < 0).any()):
        raise InputError(f"{path.name}: the rows of a sparse matrix must follow each other")
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < size[1]:
        raise InputError(f"{path.name}: the columns of a sparse matrix must be from 0 to {size[1] - 1}")
    return np.repeat(np.arange(size[0]), counts), indices, (size[0], size[1])


def one_hot(values: np.ndarray, path: Path) -> Tensor:
    """One-hot encodes integers ``[N]``, with columns from minimum to maximum."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    check_dense(path, values.size, high - low + 1)
    return torch.nn.functional.one_hot(torch.from_numpy(values - low), high - low + 1).float()
