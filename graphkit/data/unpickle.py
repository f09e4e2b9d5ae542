"""Safe reader of pickles of arrays, sparse matrices, dictionaries and tensors.

``pickle.load`` calls functions that a file names. This reader maps each allowed name to an inert record and rejects all
others; records are converted to arrays afterwards, with checks of sizes and types.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.raw_tables import dense_from_csr, reading
from graphkit.errors import InputError

#: Allowed opcodes: numbers, text, containers and records, without extensions and persistent ids.
_OPCODES = (
    "PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD",
    "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE",
)  # fmt: skip
#: Allowed names in a pickle, and the kind of their records.
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "type",
    ("numpy", "dtype"): "dtype",
    ("scipy.sparse.csr", "csr_matrix"): "csr",
    ("scipy.sparse._csr", "csr_matrix"): "csr",
    ("collections", "defaultdict"): "dict",
    ("collections", "OrderedDict"): "dict",
    ("__builtin__", "list"): "type",
    ("builtins", "list"): "type",
    ("_codecs", "encode"): "bytes",
    ("__builtin__", "bytes"): "bytes",
    ("builtins", "bytes"): "bytes",
    ("torch._utils", "_rebuild_tensor_v2"): "tensor",
    ("torch.storage", "_load_from_bytes"): "storage",
}
_MAX_TENSOR = 2**20  # number of values of one tensor


class Record:
    """Inert object of a pickle: kind, constructor arguments and state."""

    kind = ""

    def __init__(self, *args: Any) -> None:
        self.args, self.state = args, None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_pickle(path: Path) -> Any:
    """Reads a pickle into containers and :class:`Record` objects.

    Text of Python 2 is decoded as Latin-1.

    Raises:
        InputError: If the file is damaged, or contains a function or class that is not allowed.
    """
    with reading(path):
        return _Reader(path).load()


class _Reader(pickle._Unpickler):  # type: ignore[name-defined, misc]
    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]  # type: ignore[attr-defined]
        for name in _OPCODES
    }

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._path = path
        # New classes per file, since a pickle can set attributes of the classes that it names.
        self._kinds = {kind: type("Record", (Record,), {"kind": kind}) for kind in set(_NAMES.values()) - {"dict"}}
        self._kinds["dict"] = type("Dict", (dict,), {"__init__": lambda self, *args: dict.__init__(self)})

    def find_class(self, module: str, name: str) -> Any:
        kind = _NAMES.get((module, name))
        if kind is None:
            raise InputError(
                f"{self._path.name}: it holds '{module}.{name}', which could run code and is in no published file"
            )
        return self._kinds[kind]

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:  # an opcode that is not allowed
            raise InputError(f"{self._path.name}: it is not a pickle of arrays (opcode or entry {error})") from None


def as_array(value: Any, path: Path) -> np.ndarray:
    """Converts the record of a NumPy array or a SciPy CSR matrix to a dense array.

    Raises:
        InputError: If it is another object or inconsistent.
    """
    with reading(path):
        kind = value.kind if isinstance(value, Record) else type(value).__name__
        if kind == "csr":
            parts = {name: as_array(value.state[name], path) for name in ("data", "indices", "indptr")}
            shape = value.state["_shape"] if "_shape" in value.state else value.state["shape"]
            return dense_from_csr(path, **parts, shape=shape)
        if kind != "array":
            raise InputError(f"{path.name}: it must hold an array (got {kind})")
        _, shape, dtype, is_fortran, content = value.state
        size, order = tuple(int(count) for count in shape), "F" if is_fortran else "C"
        flat = np.frombuffer(_as_bytes(content), _as_dtype(dtype, path))
        if min(size, default=0) < 0 or int(np.prod(size, dtype=object)) != flat.size:
            raise InputError(f"{path.name}: an array of shape {list(size)} has {flat.size} values")
        return flat.reshape(size, order=order)  # type: ignore[call-overload]


def _as_dtype(value: Any, path: Path) -> np.dtype:
    code = value.args[0] if isinstance(value, Record) and value.kind == "dtype" else None
    if not isinstance(code, str) or code[:1] not in tuple("biuf") or code[1:] not in ("1", "2", "4", "8"):
        raise InputError(f"{path.name}: an array must hold numbers (got the type {code!r})")
    big_endian = isinstance(value.state, tuple) and value.state[1:2] == (">",)
    return np.dtype((">" if big_endian else "<") + code)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, Record) and value.kind == "bytes":  # bytes in protocol 2 of Python 3
        value = value.args[0] if value.args else b""
    value = value.encode("latin1") if isinstance(value, str) else value
    if not isinstance(value, bytes):
        raise TypeError(f"bytes are needed (got {type(value).__name__})")
    return value


def as_tensor(value: Any, path: Path) -> Tensor:
    """Converts the record of a PyTorch tensor to a tensor.

    Raises:
        InputError: If it is another object or inconsistent.
    """
    with reading(path):
        if not isinstance(value, Record) or value.kind != "tensor":
            raise InputError(f"{path.name}: it must hold tensors (got {type(value).__name__})")
        storage, offset, size, stride = value.args[:4]
        if not isinstance(storage, Record) or storage.kind != "storage":
            raise InputError(f"{path.name}: a tensor has no values")
        values = torch.load(io.BytesIO(_as_bytes(storage.args[0])), weights_only=True)
        count = values._size()
        size, stride = ([int(number) for number in numbers] for numbers in (size, stride))
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if 0 not in size else 0
        numel = int(np.prod(size, dtype=object))
        if min([offset, *size, *stride]) < 0 or last >= max(count, 1) or numel > _MAX_TENSOR:
            raise InputError(f"{path.name}: a tensor of shape {size} does not fit to its {count} values")
        return torch.empty(0, dtype=values.dtype).set_(values._untyped_storage, offset, size, stride).clone()
