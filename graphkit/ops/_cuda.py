"""CUDA kernel library, enabled on the GPU architectures that it was tested on.

``tested_devices.json`` lists the operators that passed their tests, by architecture. A record is valid for the tested
sources of the kernels only. ``GRAPHKIT_CUDA=1`` enables all kernels, ``GRAPHKIT_CUDA=0`` disables them.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from graphkit.errors import InputError
from graphkit.files import read_json, write_text
from graphkit.ops._cuda_groups import KERNELS

CUDA_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
CHECK = "bash benchmarks/gpu/run.sh"  # in a clone, on a machine with a GPU
RECORD = Path(__file__).with_name("tested_devices.json")


class KernelRecord(NamedTuple):
    """Test record of the kernels of one operator on one GPU architecture.

    Args:
        operator (str): Name of the operator.
        architecture (str): GPU architecture, such as ``"sm_90"``.
        torch (str): Version of torch.
        date (str): Date of the test, such as ``"2026-12-01"``.
        sources (str): Hash of the kernel sources, which the library contains.
        device (str): Name of the GPU.
    """

    operator: str
    architecture: str
    torch: str
    date: str
    sources: str
    device: str

    def __str__(self) -> str:
        return f"tested on {self.architecture}, torch {self.torch}, {self.date}"


class CudaLibrary(NamedTuple):
    """State of the CUDA kernel library.

    Args:
        loaded (bool): True if the library is loaded.
        reason (str): Reason for the state.
        remedy (str): Action that enables the library.
        asked (bool, optional): True if ``GRAPHKIT_CUDA=1`` enables the library on untested architectures.
            (default: ``False``)
        tested (dict[tuple[str, str], KernelRecord], optional): Test records by operator and architecture.
            (default: ``{}``)
    """

    loaded: bool
    reason: str
    remedy: str
    asked: bool = False
    tested: dict[tuple[str, str], KernelRecord] = {}


def load_cuda(folder: Path, again: str) -> CudaLibrary:
    """Loads the CUDA kernels if they are enabled or have a valid test record.

    ``again`` describes how to reinstall graphkit.
    """
    wish = os.environ.get("GRAPHKIT_CUDA", "")
    if wish not in ("", "0", "1"):
        raise InputError(f"GRAPHKIT_CUDA must be '1' to use the CUDA kernels, '0' or unset not to (got {wish!r})")
    paths = sorted(folder.glob("_cuda*.so"))
    if not paths and torch.version.cuda is None:
        return CudaLibrary(False, "this PyTorch is built without CUDA", f"install a CUDA build of torch, then {again}")
    if not paths:
        remedy = f"install nvcc of CUDA {torch.version.cuda} (CUDA_HOME says where it is), then {again}"
        return CudaLibrary(False, "the CUDA kernels were not built when graphkit was installed", remedy)
    rows = read_record(RECORD)
    remedy = f"set GRAPHKIT_CUDA=1; first check them on your GPU, in a clone of graphkit: {CHECK}"
    if wish == "0" or (wish == "" and not rows):
        reason = "GRAPHKIT_CUDA=0" if wish == "0" else "they are compiled and tested by emulation, not yet run on a GPU"
        return CudaLibrary(False, f"the CUDA kernels are off: {reason}", remedy)
    try:
        cuda, sources = read_build(paths[0])
        if torch.version.cuda is not None and cuda.split(".")[0] != torch.version.cuda.split(".")[0]:
            reason = f"the CUDA kernels were built with CUDA {cuda}, and this torch is of CUDA {torch.version.cuda}"
            return CudaLibrary(False, reason, again)
        tested = {(row.operator, row.architecture): row for row in rows if row.sources == sources}
        if wish == "" and not tested:
            reason = "the CUDA kernels are off: they have changed since they were tested on a GPU"
            return CudaLibrary(False, reason, remedy)
        torch.ops.load_library(str(paths[0]))
    except (OSError, RuntimeError) as error:
        return CudaLibrary(False, f"{paths[0].name} does not load: {str(error).splitlines()[0]}", again)
    for name, kernel in KERNELS.items():
        if hasattr(torch.ops.graphkit, name):
            torch.library.register_kernel(f"graphkit::{name}", "cuda", kernel)
    if wish == "1":
        return CudaLibrary(True, f"{paths[0].name} is loaded (GRAPHKIT_CUDA=1)", "", True, tested)
    return CudaLibrary(True, f"{paths[0].name} is loaded", remedy, False, tested)


def read_build(path: Path) -> tuple[str, str]:
    """Returns the CUDA version and the source hash of a library, without loading it."""
    match = re.search(rb"graphkit-cuda-build (\d+\.\d+) (\w+)", path.read_bytes())
    if match is None:
        raise RuntimeError("it contains no build information")
    return match[1].decode(), match[2].decode()


def has_cuda_kernel(operator: str) -> bool:
    """Returns whether a loaded library has a CUDA kernel of ``operator``."""
    name = f"graphkit::{operator}"  # a public operator may consist of several native ones
    return hasattr(torch.ops.graphkit, operator) and torch._C._dispatch_has_kernel_for_dispatch_key(name, "CUDA")


@torch.compiler.assume_constant_result
def architecture(index: int | None = None) -> str:
    """Returns the architecture of a CUDA device, such as ``"sm_90"``."""
    return "sm_{}{}".format(*torch.cuda.get_device_capability(index))


def seen_architecture() -> str | None:
    """Returns the architecture of the current CUDA device, or ``None`` without one."""
    return architecture() if torch.cuda.is_available() else None


def read_record(path: Path) -> list[KernelRecord]:
    """Reads the test records of kernels.

    Raises:
        InputError: If the file is not a record file.
    """
    content = read_json(path, f"write it again: {CHECK}")
    try:
        rows = [KernelRecord(**row) for row in content["tested"]]
    except (TypeError, KeyError) as error:
        raise InputError(f"'{path}' must be a record of tested kernels, as {CHECK} writes it ({error})") from None
    for row in rows:
        if not all(isinstance(value, str) and value for value in row):
            raise InputError(f"'{path}' must hold texts in each row of tested kernels (got {row._asdict()})")
    return rows


def write_record(path: Path, rows: Iterable[KernelRecord]) -> None:
    """Writes test records of kernels, one per line."""
    lines = ",\n  ".join(json.dumps(row._asdict()) for row in sorted(rows))
    write_text(path, f'{{"tested": [\n  {lines}\n]}}\n' if lines else '{"tested": []}\n')


def add_to_record(new: Path, path: Path) -> list[KernelRecord]:
    """Merges new test records into those of the package, replacing older ones.

    Returns:
        The added records.

    Raises:
        InputError: If ``new`` is not a record file, or its records do not come from a GPU.
    """
    rows = read_record(new)
    for row in rows:
        if not row.architecture.startswith("sm_"):
            raise InputError(f"'{new}' must come from a GPU (got the architecture {row.architecture!r}); see {CHECK}")
    merged: dict[Any, KernelRecord] = {row[:2]: row for row in (*read_record(path), *rows)}
    write_record(path, merged.values())
    return rows
