"""Puts the CUDA operators, on an emulated GPU, in the place of the CPU ones: a plugin of pytest.

``python -m pytest -p tests.ops.cuda.emulated_operators tests/ops`` runs the tests of all operators, and those that are
meant for a GPU, on the CUDA kernels and on the files that register them. It is slow.
"""

import os
from pathlib import Path

import torch

from graphkit.ops import _cuda, _native
from graphkit.ops._cuda_groups import KERNELS
from tests.ops.cuda.emulated import HERE, SOURCES, build

SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")


def _load(folder: Path) -> None:
    if _native.backend() != "native":
        raise RuntimeError(f"the emulated operators need the native ones: {_native.describe()[0].reason}")
    installed = Path(torch.__file__).parent
    options = ["-DGRAPHKIT_DEVICE=CPU", "-DGRAPHKIT_MANY_ROWS=200", "-DTORCH_TARGET_VERSION=0x020a000000000000", "-w"]
    options += [f"-I{SOURCES}", f"-I{installed / 'include'}"]
    libraries = [f"-L{installed / 'lib'}", "-ltorch_cpu"]
    sources = [*SOURCES.glob("*.cu"), *SOURCES.glob("*.cpp"), HERE / "emulator" / "stream.cpp"]
    selected = sorted(path for path in sources if path != SOURCES / "stream.cpp")
    torch.ops.load_library(str(build(folder, selected, options, libraries, SANITIZED)))
    _native.NATIVE_TYPES = _cuda.CUDA_TYPES
    for name, kernel in KERNELS.items():
        torch.library.register_kernel(f"graphkit::{name}", "cpu", kernel)


_load(Path("build") / "emulated-gpu")
