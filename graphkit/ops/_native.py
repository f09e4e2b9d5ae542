"""Library of native operators: loading, availability and dispatch."""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from graphkit.errors import InputError
from graphkit.ops._arguments import FLOAT_TYPES
from graphkit.ops._calls import takes_plain_derivatives
from graphkit.ops._cuda import CUDA_TYPES, CudaLibrary, architecture, has_cuda_kernel, load_cuda, seen_architecture

NATIVE_TYPES = (torch.float32, torch.float64)
#: Oldest torch with the stable interface that the library uses.
OLDEST_TORCH = (2, 10)


class OperatorInfo(NamedTuple):
    """Implementation of an operator that is in use.

    Args:
        operator (str): Name of the operator.
        backend (str): ``"native"`` or ``"torch"``, for CPU tensors.
        reason (str): Reason for ``backend``.
        remedy (str): Action that enables the native code; empty if it is in use.
        cuda_backend (str): ``"native"`` or ``"torch"``, for CUDA tensors.
        cuda_reason (str): Reason for ``cuda_backend``.
        cuda_remedy (str): Action that enables the CUDA kernels; empty if they are in use or do not exist.
    """

    operator: str
    backend: str
    reason: str
    remedy: str
    cuda_backend: str
    cuda_reason: str
    cuda_remedy: str


class _Library(NamedTuple):
    loaded: bool
    reason: str
    remedy: str


_AGAIN = (
    "graphkit again: pip install --no-build-isolation --no-deps --force-reinstall, and what it was installed from "
    "(in a clone: -e .)"
)


def _folder() -> Path:
    """Returns the folder of the native libraries."""
    return Path(os.environ.get("GRAPHKIT_LIBRARY") or Path(__file__).parent.parent)


def _load() -> _Library:
    wish = os.environ.get("GRAPHKIT_BACKEND", "")
    if wish not in ("", "native", "torch"):
        raise InputError(f"GRAPHKIT_BACKEND must be 'native' or 'torch' (got {wish!r}); unset it for the best there is")
    if wish == "torch":
        return _Library(False, "GRAPHKIT_BACKEND=torch", "unset GRAPHKIT_BACKEND")

    rebuild = f"install a C++ compiler and torch >= 2.10, then {_AGAIN}"
    paths = sorted(_folder().glob("_C*.so"))
    if not paths and sys.platform == "win32":
        return _Library(False, "native operators are not built on Windows", "use Linux, macOS or WSL 2")
    if not paths:
        return _Library(False, "the native operators were not built when graphkit was installed", rebuild)
    if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < OLDEST_TORCH:
        reason = f"native operators need torch >= {'.'.join(map(str, OLDEST_TORCH))} (this is {torch.__version__})"
        return _Library(False, reason, "upgrade torch")
    try:
        torch.ops.load_library(str(paths[0]))
    except (OSError, RuntimeError) as error:
        return _Library(False, f"{paths[0].name} does not load: {str(error).splitlines()[0]}", rebuild)
    return _Library(True, f"{paths[0].name} is loaded", "")


def _load_cuda(library: _Library) -> CudaLibrary:
    """Loads the CUDA kernels, which require the schemas of the CPU library."""
    return load_cuda(_folder(), _AGAIN) if library.loaded else CudaLibrary(*library)


_LIBRARY = _load()
_CUDA = _load_cuda(_LIBRARY)
_OPERATORS: dict[str, bool] = {}
_ON_CUDA: set[str] = set()
_ON_CPU_ONLY: set[str] = set()


def has_native(operator: str) -> bool:
    """Returns whether the library is loaded and has ``operator``."""
    return _LIBRARY.loaded and hasattr(torch.ops.graphkit, operator)


def offer(operator: str, cpu_only: bool = False, schema: str = "") -> bool:
    """Registers a public operator; returns whether its native code exists.

    Args:
        operator (str): Name of the function.
        cpu_only (bool, optional): If ``True``, it runs on the CPU wherever its tensors are. (default: ``False``)
        schema (str, optional): Name in the library; that of the function if empty. (default: ``""``)
    """
    _OPERATORS[operator] = has_native(schema or operator)
    if cpu_only:
        _ON_CPU_ONLY.add(operator)
    elif _CUDA.loaded and _OPERATORS[operator] and has_cuda_kernel(schema or operator):
        _ON_CUDA.add(operator)
    return _OPERATORS[operator]


def backend() -> str:
    """Returns ``"native"`` if the native operators are loaded, otherwise ``"torch"``.

    The environment variable ``GRAPHKIT_BACKEND=torch``, set before Python starts, disables the native operators.

    Example:
        >>> backend() in ("native", "torch")
        True
    """
    return "native" if _LIBRARY.loaded else "torch"


def describe() -> list[OperatorInfo]:
    """Returns the implementation of each operator, with the reason and a remedy.

    The entries for CUDA tensors refer to the current device. CUDA is initialized if CUDA kernels are loaded.

    Returns:
        One :class:`OperatorInfo` per operator, sorted by name.
    """
    rows = []
    seen = seen_architecture() if _CUDA.loaded else None
    for operator, native in sorted(_OPERATORS.items()):
        if native:
            cpu = ("native", _LIBRARY.reason, "")
        elif _LIBRARY.loaded:
            cpu = ("torch", "the library was built before this operator was added", "install graphkit again")
        else:
            cpu = ("torch", _LIBRARY.reason, _LIBRARY.remedy)
        if operator in _ON_CPU_ONLY:
            cuda = (cpu[0], "it runs on the CPU, wherever its tensors are", "")
        elif operator in _ON_CUDA:
            cuda = _on_cuda(operator, seen)
        elif _CUDA.loaded:
            cuda = ("torch", "there is no CUDA kernel of this operator", "")
        else:
            cuda = ("torch", _CUDA.reason, _CUDA.remedy)
        rows.append(OperatorInfo(operator, *cpu, *cuda))
    return rows


def _on_cuda(operator: str, seen: str | None) -> tuple[str, str, str]:
    """Returns the CUDA backend of an operator, its reason and a remedy."""
    if seen is not None and (operator, seen) in _CUDA.tested:
        return "native", str(_CUDA.tested[operator, seen]), ""
    if _CUDA.asked:
        return "native", _CUDA.reason, ""
    tested = ", ".join(name for one, name in _CUDA.tested if one == operator) or "no GPU"
    return "torch", f"its kernels are tested on {tested}, not on {seen or 'any device that is seen'}", _CUDA.remedy


def serves(tensor: torch.Tensor, operator: str = "", half: bool = False) -> bool:
    """Returns whether native kernels support the dtype and device of ``tensor``.

    CUDA kernels must be loaded, exist for ``operator``, and be enabled or tested on the architecture of the device.
    Returns false if derivatives are not computed by plain reverse mode. CPU kernels support float16 and bfloat16 only
    if ``half``.
    """
    if not takes_plain_derivatives():
        return False
    if tensor.device.type == "cuda":
        if operator not in _ON_CUDA or tensor.dtype not in CUDA_TYPES:
            return False
        return _CUDA.asked or (operator, architecture(tensor.device.index)) in _CUDA.tested
    return tensor.device.type == "cpu" and tensor.dtype in (FLOAT_TYPES if half else NATIVE_TYPES)
