"""Whether the CUDA kernels are used, and what users are told about it. What they compute is tested in ``cuda/``."""

from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

from graphkit.ops import _cuda, _native

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a library that does not load."""
    monkeypatch.delenv("GRAPHKIT_CUDA", raising=False)
    (tmp_path / "_cuda.abi3.so").write_bytes(b"not a library")
    return tmp_path


def test_off_unless_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wish in ("", "0"):
        monkeypatch.setenv("GRAPHKIT_CUDA", wish)
        loaded, reason, remedy = _cuda.load_cuda(folder, "again")
        assert not loaded and "not yet run on a GPU" in reason
        assert "set GRAPHKIT_CUDA=1" in remedy and _cuda.CHECK in remedy


def test_the_check_that_users_are_told_of_exists() -> None:
    assert len(list(ROOT.glob(_cuda.CHECK.split()[-1]))) > 1


def test_a_library_that_does_not_load_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "1")
    loaded, reason, remedy = _cuda.load_cuda(folder, "install it again")
    assert not loaded and reason.startswith("_cuda.abi3.so does not load") and remedy == "install it again"


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHKIT_CUDA", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert _cuda.load_cuda(tmp_path, "x")[1:] == (
        "this PyTorch is built without CUDA",
        "install a CUDA build of torch, then x",
    )
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    _, reason, remedy = _cuda.load_cuda(tmp_path, "x")
    assert "not built" in reason and "nvcc of CUDA 13.0" in remedy


def test_an_unknown_wish_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CUDA", "yes")
    with pytest.raises(ValueError, match="GRAPHKIT_CUDA must be '1' to use the CUDA kernels.*got 'yes'"):
        _cuda.load_cuda(tmp_path, "again")


def test_kernels_serve_the_operators_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTensorMode():
        tensors = [torch.empty(1, device="cuda", dtype=dtype) for dtype in (*_cuda.CUDA_TYPES, torch.int64)]
    monkeypatch.setattr(_native, "_ON_CUDA", set())
    assert not any(_native.serves(tensor, "segment_sum") for tensor in tensors)
    monkeypatch.setattr(_native, "_ON_CUDA", {"segment_sum"})
    assert [_native.serves(tensor, "segment_sum") for tensor in tensors] == [True] * 4 + [False]
    assert not any(_native.serves(tensor, "shortest_paths") for tensor in tensors)
    assert not any(_native.serves(tensor) for tensor in tensors)


def test_users_are_told_what_serves_each_device(native: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(name: str) -> tuple[str, str, str]:
        return next(info[4:] for info in _native.describe() if info.operator == name)

    monkeypatch.setattr(_native, "_ON_CUDA", set())
    monkeypatch.setattr(_native, "_CUDA", _native._Library(False, "no kernels", "get some"))
    assert row("segment_sum") == ("torch", "no kernels", "get some")
    assert row("shortest_paths") == ("native", "it runs on the CPU, wherever its tensors are", "")
    monkeypatch.setattr(_native, "_CUDA", _native._Library(True, "loaded", ""))
    monkeypatch.setattr(_native, "_ON_CUDA", {"segment_sum"})
    assert row("segment_sum") == ("native", "loaded", "")
    assert row("segment_max") == ("torch", "there is no CUDA kernel of this operator", "")
