import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

import graphkit.ops
from graphkit.ops import _native, backend, describe

PROGRAM = """
import torch
from graphkit.ops import backend, describe, factor_aggregate, path_attention
torch.manual_seed(0)
h, terms = torch.randn(40, 21), torch.randn(40, 7)
edge_index = torch.randint(40, (2, 300))
results = [factor_aggregate(h, terms, terms, edge_index)]
paths = torch.randint(40, (3, 300))
for heads, width in ((8, 8), (3, 7), (2, 16), (1, 40)):
    h, att, target = (torch.randn(size).requires_grad_() for size in ((40, heads, width), (heads, width), (40, heads)))
    out = path_attention(h, paths, att, target)
    results += [out, *torch.autograd.grad(torch.sin(out).sum(), (h, att, target))]
print(backend(), sum(t.double().sum().item() for t in results))
print(describe()[0].reason)
"""


@cache
def run(**environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=Path(graphkit.ops.__file__).parents[2],
    )


def test_describe_has_a_row_per_public_operator():
    rows = {row.operator: row for row in describe()}
    assert set(rows) == set(graphkit.ops.__all__) - {"OperatorInfo", "backend", "describe"}
    for row in rows.values():
        assert row.backend == backend()
        assert row.reason
        assert bool(row.remedy) == (row.backend == "torch")


def test_the_reference_can_be_forced():
    result = run(GRAPHKIT_BACKEND="torch")
    name, total = result.stdout.splitlines()[0].split()
    assert name == "torch"
    assert result.stdout.splitlines()[1] == "GRAPHKIT_BACKEND=torch"
    if backend() == "native":
        name, native_total = run(GRAPHKIT_BACKEND="").stdout.splitlines()[0].split()
        assert name == "native"
        assert float(native_total) == pytest.approx(float(total), abs=1e-3)


def test_an_unknown_backend_is_an_error():
    result = run(GRAPHKIT_BACKEND="cuda")
    assert result.returncode != 0
    last = result.stderr.splitlines()[-1]
    assert last.startswith("graphkit.errors.InputError: GRAPHKIT_BACKEND must be 'native' or 'torch'")


@pytest.mark.parametrize("cpu", ["avx2", "base"])
def test_older_instruction_sets_give_the_same_numbers(native, cpu):
    best = float(run(GRAPHKIT_CPU="").stdout.split()[1])
    assert float(run(GRAPHKIT_CPU=cpu).stdout.split()[1]) == pytest.approx(best, abs=1e-3)


def test_a_library_that_does_not_load_is_remembered(monkeypatch, tmp_path):
    (tmp_path / "ops").mkdir()
    (tmp_path / "_C.abi3.so").write_bytes(b"not a library")
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "ops" / "_native.py"))
    monkeypatch.delenv("GRAPHKIT_BACKEND", raising=False)
    library = _native._load()
    assert not library.loaded
    assert library.reason.startswith("_C.abi3.so does not load")
    assert "pip install" in library.remedy

    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "2.9.1+cpu")
        library = _native._load()
        assert library[1:] == ("native operators need torch >= 2.10 (this is 2.9.1+cpu)", "upgrade torch")

    (tmp_path / "_C.abi3.so").unlink()
    assert "not built" in _native._load().reason


def test_native_kernels_serve_float_tensors_on_the_cpu():
    assert _native.serves(torch.ones(1)) and _native.serves(torch.ones(1).double())
    assert not _native.serves(torch.ones(1).half())
    assert not _native.serves(torch.ones(1, device="meta"))
