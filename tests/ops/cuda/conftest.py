"""An emulated GPU for the tests of the CUDA kernels, and a real one where there is one."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from graphkit.ops import describe
from tests.ops.cuda.emulated import SOURCES, Emulator, build


@pytest.fixture(scope="session")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled kernels that all workers of a run share."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ to compile the CUDA kernels for an emulated GPU")
    base = tmp_path_factory.getbasetemp()
    return (base.parent if base.name.startswith("popen-") else base) / "emulated-gpu"


@pytest.fixture(scope="session")
def gpu(emulation: Path) -> Iterator[Emulator]:
    """The kernels of graphkit on an emulated GPU."""
    machine = Emulator(build(emulation, sorted(SOURCES.glob("*.cu"))))
    yield machine
    machine.close()


@pytest.fixture
def device() -> str:
    """The device whose operators are the CUDA ones: a GPU, or the CPU if it plays one."""
    if "tests.ops.cuda.emulated_operators" in sys.modules:
        return "cpu"
    if not torch.cuda.is_available():
        pytest.skip("no GPU is seen")
    info = next(row for row in describe() if row.operator == "factor_aggregate")
    if info.cuda_backend != "native":
        pytest.skip(f"{info.cuda_reason}; {info.cuda_remedy}")
    return "cuda"


@pytest.fixture
def scale(device: str) -> int:
    """How large inputs are: an emulated GPU is a slow one."""
    return 5000 if device == "cuda" else 30
