"""An emulated GPU for the tests of the CUDA kernels."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.ops.cuda.emulated import SOURCES, Emulator, build


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """In the place of that for all tests: on a machine with a GPU, all processors work out what is right."""
    on_gpu = torch.cuda.is_available() and os.environ.get("GRAPHKIT_TEST_DEVICE", "cuda") == "cuda"
    torch.set_num_threads(min(os.cpu_count() or 1, 16) if on_gpu else 1)


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
