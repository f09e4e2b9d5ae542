"""Memory-mapped arrays, and block-wise writing of arrays."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from graphkit.errors import InputError
from graphkit.files import parsing, write_atomically

SUFFIXES = (".npy", ".safetensors")
#: Block size in bytes.
BLOCK = 2**26
#: Little-endian NumPy types of the safetensors types that can be memory-mapped.
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4",
    "F64": "<f8",
}  # fmt: skip


def open_array(path: Path) -> np.ndarray:
    """Memory-maps the array in a ``.npy`` or ``.safetensors`` file (copy-on-write).

    A ``.safetensors`` file must contain one tensor, with any name.

    Raises:
        InputError: If the file is damaged or contains Python objects, several tensors or an unsupported type.
    """
    with parsing(path, kind="as an array"):
        if path.suffix == ".safetensors":
            array = _open_safetensors(path)
        else:
            with open(path, "rb") as file:
                check_header(file, path.stat().st_size, str(path))
            array = np.load(path, "c", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(f"'{path}' holds several arrays; write one array with numpy.save")
    return array


def check_header(file: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Checks that the header of a ``.npy`` file fits its size, before any allocation.

    Args:
        file (IO[bytes]): The file, at position 0.
        size (int): Size of the file in bytes.
        name (str): Name of the file, for error messages.

    Returns:
        Shape and type of the array.

    Raises:
        InputError: If the file is not a ``.npy`` file, contains Python objects, or its shape exceeds its size.
    """
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with parsing(name, kind="as an array"):
        version = np.lib.format.read_magic(file)
        if version not in readers:
            raise InputError(f"'{name}' must be a .npy file of version 1 or 2 (got {version}); use numpy.save")
        shape, _, dtype = readers[version](file)
        begin = file.tell()
    if dtype.hasobject:
        raise InputError(
            f"'{name}' holds Python objects, which could run code; it is refused; save it as an array of numbers or "
            "fixed-length strings"
        )
    needed = math.prod(shape) * dtype.itemsize
    empty = dtype.itemsize == 0 and math.prod(shape) > 0  # zero-size items pass the size check for any shape
    if empty or any(length < 0 or length >= 2**48 for length in shape) or needed != size - begin:
        raise InputError(
            f"'{name}' is damaged: its header asks for {dtype} of shape {list(shape)}, {needed} bytes, but it holds "
            f"{size - begin}; write it again"
        )
    return shape, dtype


def as_tensor(array: np.ndarray) -> Tensor:
    """Returns a tensor that shares memory with an array."""
    return torch.from_numpy(array)


def write_array(path: Path, blocks: Iterable[Any], shape: tuple[int, ...], dtype: Any) -> None:
    """Writes blocks of rows to a ``.npy`` file, atomically.

    Raises:
        InputError: If the number of rows or the width of a block differs from ``shape``.
    """

    def write(temporary: Path) -> None:
        array = open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        at = 0
        for block in blocks:
            rows = np.asarray(block)
            end = at + rows.shape[0]
            if rows.shape[1:] != shape[1:] or end > shape[0]:
                raise InputError(
                    f"`{path.stem}` must have the shape {list(shape)} in all "
                    f"(got a block of shape {list(rows.shape)} after {at} rows)"
                )
            array[at:end] = rows
            at = end
        if at != shape[0]:
            raise InputError(f"`{path.stem}` must have {shape[0]} rows in all (got {at})")
        array.flush()
        del array

    write_atomically(path, write)


def rows_at_a_time(array: Any) -> Iterator[Any]:
    """Yields slices of rows of about :data:`BLOCK` bytes."""
    width = int(np.prod(array.shape[1:], dtype=np.int64)) or 1
    step = max(1, BLOCK // (width * 8))
    for begin in range(0, array.shape[0], step):
        yield array[begin : begin + step]


def _open_safetensors(path: Path) -> np.ndarray:
    """Memory-maps the only tensor of a safetensors file.

    Format: header length (8 bytes), JSON header, values.
    """
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= 2**20:
            raise InputError(f"'{path}' is damaged: it has no header; write it again")
        header = json.loads(file.read(size))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if len(tensors) != 1:
        raise InputError(f"'{path}' must hold one tensor (got {len(tensors)}); write one file for each array")
    (entry,) = tensors.values()
    if entry["dtype"] not in _TYPES:
        raise InputError(f"'{path}': tensors of type {entry['dtype']} cannot be mapped; convert it to float32")
    begin, dtype, shape = entry["data_offsets"][0], np.dtype(_TYPES[entry["dtype"]]), tuple(entry["shape"])
    if not all(type(length) is int and 0 <= length < 2**48 for length in (begin, *shape)):
        raise InputError(f"'{path}' is damaged: its shape {list(shape)} or its offset is wrong; write it again")
    needed, held = math.prod(shape) * dtype.itemsize, path.stat().st_size - 8 - size - begin
    if needed > held:
        raise InputError(f"'{path}' is damaged: its header asks for {needed} bytes and it holds {held}; write it again")
    if not needed:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "c", 8 + size + begin, shape)
