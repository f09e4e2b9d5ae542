"""Arrays that stay in their files: mapped into memory when they are opened, written block by block."""

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
#: Bytes that are written or checked at a time.
BLOCK = 2**26
#: The types of a safetensors file that can be mapped, which holds the lowest byte of a number first.
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4",
    "F64": "<f8",
}  # fmt: skip


def open_array(path: Path) -> np.ndarray:
    """Maps the array in a ``.npy`` or ``.safetensors`` file into memory: what is looked at is read, and no more.

    What is written to the array changes neither the file nor what other processes see. A ``.safetensors`` file must
    hold one tensor, which may have any name.

    Raises:
        InputError: If the file is damaged or holds Python objects, several tensors or a type that cannot be mapped.
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
    """Refuses a ``.npy`` file whose header does not fit its content, before memory is taken for it.

    Args:
        file: The file, at its begin.
        size: Bytes of the file.
        name: Name of the file, for error messages.

    Returns:
        The shape and the type of the array.

    Raises:
        InputError: If the file is no ``.npy`` file, holds Python objects, or its shape asks for more than it has.
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
    empty = dtype.itemsize == 0 and math.prod(shape) > 0  # any number of empty strings would fit
    if empty or any(length < 0 or length >= 2**48 for length in shape) or needed != size - begin:
        raise InputError(
            f"'{name}' is damaged: its header asks for {dtype} of shape {list(shape)}, {needed} bytes, but it holds "
            f"{size - begin}; write it again"
        )
    return shape, dtype


def as_tensor(array: np.ndarray) -> Tensor:
    """Returns a tensor over the memory of an array, without a copy."""
    return torch.from_numpy(array)


def write_array(path: Path, blocks: Iterable[Any], shape: tuple[int, ...], dtype: Any) -> None:
    """Writes blocks of rows one after the other to a ``.npy`` file, which is whole or absent.

    Raises:
        ValueError: If the blocks have more or fewer rows than they should in all, or another width.
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
    """Cuts anything that has a shape and can be sliced into blocks of rows of about :data:`BLOCK` bytes."""
    width = int(np.prod(array.shape[1:], dtype=np.int64)) or 1
    step = max(1, BLOCK // (width * 8))
    for begin in range(0, array.shape[0], step):
        yield array[begin : begin + step]


def _open_safetensors(path: Path) -> np.ndarray:
    """Maps the only tensor of a file: eight bytes with the length of a JSON header, the header, the numbers."""
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
