"""Raw pickles: what they may hold is read, anything else is refused and not run."""

import os
import pickle
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from graphkit.data.unpickle import as_array, as_tensor, read_pickle
from graphkit.errors import InputError


def written(folder: Path, content: Any, protocol: int = 2) -> Path:
    path = folder / "ind.any.x"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_and_sparse_matrices_come_back(tmp_path: Path, protocol: int) -> None:
    dense = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    for value in (dense, scipy.sparse.csr_matrix(dense.astype("f4"))):
        path = written(tmp_path, value, protocol)
        assert np.array_equal(as_array(read_pickle(path), path), dense)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_tensors_come_back(tmp_path: Path, protocol: int) -> None:
    value = torch.arange(12).view(3, 4).t()[1:]
    path = written(tmp_path, [value], protocol)
    assert torch.equal(as_tensor(read_pickle(path)[0], path), value)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def test_a_function_in_a_pickle_is_not_called(tmp_path: Path) -> None:
    marker = str(tmp_path / "made")
    eval_in = Call(eval, f"__import__('os').mkdir({marker!r})")
    hidden = Call(getattr, "text", "upper")
    code = torch.storage._load_from_bytes  # unpickles in its turn
    nested = pickle.dumps(Call(os.mkdir, marker))
    calls = Call(os.mkdir, marker), Call(np.fromfile, marker), Call(pickle.loads, nested)
    for value in (*calls, [eval_in], {1: hidden}):
        path = written(tmp_path, value)
        with pytest.raises(InputError, match="ind.any.x: it holds '.*', which could run code"):
            read_pickle(path)
    bad_storage = Call(code, nested)
    tensor = Call(torch._utils._rebuild_tensor_v2, bad_storage, 0, (1,), (1,), False, {})
    path = written(tmp_path, tensor)
    with pytest.raises(InputError, match="ind.any.x"):
        as_tensor(read_pickle(path), path)
    assert not Path(marker).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        b"\x80\x02(U",
        b"\x80\x02]r\xff\xff\xff\xff.",  # a memo of four thousand million entries
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",  # bytes that are not there
        b"\x80\x02\x82\x01.",  # an extension
        pickle.dumps({1, 2}),
        pickle.dumps(np.array([1, "a"], dtype=object), 2),
        pickle.dumps(np.zeros(3, dtype="M8[s]"), 2),
    ],
)
def test_damaged_pickles_are_refused_at_once(tmp_path: Path, content: bytes) -> None:
    path, begin = written(tmp_path, content), time.perf_counter()
    with pytest.raises(InputError, match="ind.any.x"):
        as_array(read_pickle(path), path)
    assert time.perf_counter() - begin < 60  # each takes milliseconds: only a guard against a read without end


def test_a_sparse_matrix_with_wrong_parts_is_refused(tmp_path: Path) -> None:
    for name, value in (("indices", [0, 9, 2]), ("indptr", [0, 3, 1, 3]), ("_shape", (3, 10**12)), ("data", [1.0])):
        matrix = scipy.sparse.csr_matrix(np.eye(3))
        matrix.__dict__[name] = np.array(value) if isinstance(value, list) else value
        path = written(tmp_path, matrix)
        with pytest.raises(InputError, match="ind.any.x"):
            as_array(read_pickle(path), path)
