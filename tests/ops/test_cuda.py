"""Which CUDA kernels are used, and what users are told about it. What they compute is tested in ``cuda/``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch_geometric.nn import SAGEConv

from graphkit.errors import InputError
from graphkit.nn import accelerate
from graphkit.nn.fused import layer
from graphkit.ops import _cuda, _native
from graphkit.ops._cuda import CudaLibrary, KernelRecord

ROOT = Path(__file__).resolve().parents[2]
ROW = KernelRecord("segment_sum", "sm_90", "2.11.0", "2026-12-01", "abc123", "H100")
Tested = Callable[..., CudaLibrary]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a library that says what it was built from, and does not load."""
    monkeypatch.delenv("GRAPHKIT_CUDA", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    (tmp_path / "_cuda.abi3.so").write_bytes(b"\x7fELF\0graphkit-cuda-build 13.0 abc123\0not a library")
    return tmp_path


@pytest.fixture
def tested(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tested:
    """Loads that library, as if it could be loaded, where a record has the given rows."""

    def load(*rows: KernelRecord) -> CudaLibrary:
        monkeypatch.setattr(_cuda, "RECORD", folder / "record.json")
        monkeypatch.setattr(_cuda, "KERNELS", {})
        monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
        _cuda.write_record(folder / "record.json", rows)
        return _cuda.load_cuda(folder, "again")

    return load


def row(name: str) -> tuple[str, str, str]:
    """What doctor shows of CUDA tensors."""
    return next(info[4:] for info in _native.describe() if info.operator == name)


def test_off_unless_asked_for(tested: Tested, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tested().loaded and "not yet run on a GPU" in tested().reason
    assert "set GRAPHKIT_CUDA=1" in tested().remedy and _cuda.CHECK in tested().remedy
    monkeypatch.setenv("GRAPHKIT_CUDA", "0")
    assert not tested(ROW).loaded and tested(ROW).reason == "the CUDA kernels are off: GRAPHKIT_CUDA=0"


def test_the_check_that_users_are_told_of_exists() -> None:
    assert (ROOT / _cuda.CHECK.split()[-1]).is_file()


def test_the_record_of_the_package_is_sound() -> None:
    assert all(row.architecture.startswith("sm_") for row in _cuda.read_record(_cuda.RECORD))


def test_a_library_that_does_not_load_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "1")
    library = _cuda.load_cuda(folder, "install it again")
    assert not library.loaded and library.reason.startswith("_cuda.abi3.so does not load")
    assert library.remedy == "install it again"
    (folder / "_cuda.abi3.so").write_bytes(b"\x7fELF")
    assert "it contains no build information" in _cuda.load_cuda(folder, "again").reason


def test_kernels_of_another_cuda_are_not_loaded(tested: Tested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "1")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert not tested().loaded
    assert tested().reason == "the CUDA kernels were built with CUDA 13.0, and this torch is of CUDA 12.8"
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    assert tested().loaded


def test_kernels_are_on_where_they_were_tested(tested: Tested, native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tested(ROW)
    assert library.loaded and not library.asked
    monkeypatch.setattr(_native, "_CUDA", library)
    monkeypatch.setattr(_native, "_ON_CUDA", {"segment_sum", "segment_max"})
    with FakeTensorMode():
        x = torch.empty(1, device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, 0))
    assert _native.serves(x, "segment_sum") and not _native.serves(x, "segment_max")
    assert row("segment_sum") == ("native", "tested on sm_90, torch 2.11.0, 2026-12-01", "")
    backend, reason, remedy = row("segment_max")
    assert (backend, reason) == ("torch", "its kernels are tested on no GPU, not on sm_90") and "=1" in remedy

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (8, 0))
    assert not _native.serves(x, "segment_sum")
    assert row("segment_sum")[:2] == ("torch", "its kernels are tested on sm_90, not on sm_80")
    assert "set GRAPHKIT_CUDA=1" in row("segment_sum")[2]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert row("segment_sum")[1] == "its kernels are tested on sm_90, not on any device that is seen"


def test_which_device_counts_while_a_function_is_compiled(tested: Tested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "_CUDA", tested(ROW))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, index))

    def call(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if ("segment_sum", _cuda.architecture(0)) in _native._CUDA.tested else x

    assert torch.compile(call, fullgraph=True, backend="eager")(torch.zeros(1)) == 1


def test_changed_kernels_count_as_untested(tested: Tested) -> None:
    library = tested(ROW._replace(sources="def456"))
    assert not library.loaded and "changed since they were tested" in library.reason


def test_an_operator_is_on_where_the_kernel_of_its_schema_is(
    tested: Tested, native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_native, "_CUDA", tested(ROW._replace(operator="aggregate")))
    monkeypatch.setattr(_native, "_ON_CUDA", set())
    monkeypatch.setattr(_native, "has_cuda_kernel", lambda name: name == "aggregate_sum")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, 0))
    with FakeTensorMode():
        x = torch.empty(1, device="cuda")
    assert _native.offer("segment_sum") and not _native.serves(x, "segment_sum")
    assert not _native.serves(x, "aggregate")
    assert _native.offer("aggregate", schema="aggregate_sum") and _native.serves(x, "aggregate")


def test_accelerated_layers_run_on_kernels_that_are_on(
    tested: Tested, native: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_native, "_CUDA", tested(ROW._replace(operator="aggregate")))
    monkeypatch.setattr(_native, "_ON_CUDA", {"aggregate"})
    monkeypatch.setattr(layer, "has_values", lambda tensor: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, 0))
    conv = accelerate(SAGEConv(4, 4))
    with FakeTensorMode():
        x, edge_index = torch.empty(3, 4, device="cuda"), torch.empty(2, 5, dtype=torch.int64, device="cuda")
        half = x.half()
    assert layer.fits(conv, x, edge_index) and not layer.fits(conv, half, edge_index)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (8, 0))
    assert not layer.fits(conv, x, edge_index)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index=None: (9, 0))
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: device == "cuda")
    assert not layer.fits(conv, x, edge_index)


def test_asked_for_where_nothing_was_tested(tested: Tested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "1")
    monkeypatch.setattr(_native, "_CUDA", tested(ROW))
    monkeypatch.setattr(_native, "_ON_CUDA", {"segment_max"})
    with FakeTensorMode():
        tensors = [torch.empty(1, device="cuda", dtype=dtype) for dtype in (*_cuda.CUDA_TYPES, torch.int64)]
    assert [_native.serves(tensor, "segment_max") for tensor in tensors] == [True] * 4 + [False]
    assert not any(_native.serves(tensor, "shortest_paths") for tensor in tensors)
    assert not any(_native.serves(tensor) for tensor in tensors)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHKIT_CUDA", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    library = _cuda.load_cuda(tmp_path, "x")
    assert library.reason == "this PyTorch is built without CUDA"
    assert library.remedy == "install a CUDA build of torch, then x"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    library = _cuda.load_cuda(tmp_path, "x")
    assert "not built" in library.reason and "nvcc of CUDA 13.0" in library.remedy


def test_an_unknown_wish_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "yes")
    with pytest.raises(ValueError, match="GRAPHKIT_CUDA must be '1' to use the CUDA kernels.*got 'yes'"):
        _cuda.load_cuda(tmp_path, "again")


def test_users_are_told_what_serves_each_device(native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "_ON_CUDA", set())
    monkeypatch.setattr(_native, "_CUDA", CudaLibrary(False, "no kernels", "get some"))
    assert row("segment_sum") == ("torch", "no kernels", "get some")
    assert row("shortest_paths") == ("native", "it runs on the CPU, wherever its tensors are", "")
    monkeypatch.setattr(_native, "_CUDA", CudaLibrary(True, "loaded", "", asked=True))
    monkeypatch.setattr(_native, "_ON_CUDA", {"segment_sum"})
    assert row("segment_sum") == ("native", "loaded", "")
    assert row("segment_max") == ("torch", "there is no CUDA kernel of this operator", "")


def test_records_are_merged(tmp_path: Path) -> None:
    record, new = tmp_path / "own.json", tmp_path / "new.json"
    other, later = ROW._replace(architecture="sm_80"), ROW._replace(date="2027-01-01", sources="def456")
    _cuda.write_record(record, [ROW, other])
    _cuda.write_record(new, [later])
    assert _cuda.add_to_record(new, record) == [later]
    assert _cuda.read_record(record) == [other, later]
    assert record.read_text().count("\n") == 4  # a row a line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read|is not JSON|damaged"),
        ("[]", "list indices"),
        ("{}", "tested"),
        ('{"tested": [{"operator": "x"}]}', "missing"),
        ('{"tested": 3}', "not iterable"),
        (json.dumps({"tested": [ROW._replace(date=3)._asdict()]}), "texts in each row"),  # type: ignore[arg-type]
        (json.dumps({"tested": [ROW._replace(architecture="cpu")._asdict()]}), "from a GPU .got .* 'cpu'"),
    ],
)
def test_what_is_no_record_of_a_gpu_is_refused(tmp_path: Path, text: str, said: str) -> None:
    _cuda.write_record(tmp_path / "own.json", [ROW])
    (tmp_path / "new.json").write_text(text)
    with pytest.raises(InputError, match=f"new.json.*{said}"):
        _cuda.add_to_record(tmp_path / "new.json", tmp_path / "own.json")
    assert _cuda.read_record(tmp_path / "own.json") == [ROW]
