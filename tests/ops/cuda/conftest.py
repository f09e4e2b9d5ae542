"""An emulated GPU for the tests of the CUDA kernels."""

import shutil
from collections.abc import Iterator

import pytest

from tests.ops.cuda.emulated import Emulator


@pytest.fixture(scope="session")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Compiled once for all workers of a run."""
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ to compile the CUDA kernels for an emulated GPU")
    base = tmp_path_factory.getbasetemp()
    emulator = Emulator((base.parent if base.name.startswith("popen-") else base) / "emulated-gpu")
    yield emulator
    emulator.close()
