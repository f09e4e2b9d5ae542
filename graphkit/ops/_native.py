"""The built library of native operators: whether it is there, and if not, why not."""

import os
from pathlib import Path
from typing import NamedTuple

import torch

NATIVE_TYPES = (torch.float32, torch.float64)


class OperatorInfo(NamedTuple):
    """What serves one operator.

    Args:
        operator: Name of the operator.
        backend: ``"native"`` or ``"torch"``.
        reason: Why.
        remedy: What to do to get the native one, empty if it is in use.
    """

    operator: str
    backend: str
    reason: str
    remedy: str


class _Library(NamedTuple):
    loaded: bool
    reason: str
    remedy: str


def _load() -> _Library:
    wish = os.environ.get("GRAPHKIT_BACKEND", "")
    if wish not in ("", "native", "torch"):
        raise ValueError(f"GRAPHKIT_BACKEND must be 'native' or 'torch' (got {wish!r}); unset it for the best there is")
    if wish == "torch":
        return _Library(False, "GRAPHKIT_BACKEND=torch", "unset GRAPHKIT_BACKEND")

    rebuild = (
        "install a C++ compiler and torch >= 2.10, then graphkit again: pip install --no-build-isolation --no-deps "
        "--force-reinstall, and what it was installed from (in a clone: -e .)"
    )
    paths = sorted(Path(__file__).parent.parent.glob("_C*.so"))
    if not paths:
        return _Library(False, "the native operators were not built when graphkit was installed", rebuild)
    try:
        torch.ops.load_library(str(paths[0]))
    except (OSError, RuntimeError) as error:
        return _Library(False, f"{paths[0].name} does not load: {str(error).splitlines()[0]}", rebuild)
    return _Library(True, f"{paths[0].name} is loaded", "")


_LIBRARY = _load()
_OPERATORS: dict[str, bool] = {}


def has_native(operator: str) -> bool:
    """Returns whether the library is in use and has ``operator``."""
    return _LIBRARY.loaded and hasattr(torch.ops.graphkit, operator)


def offer(operator: str) -> bool:
    """The same for an operator that users call: it is noted for :func:`describe`."""
    _OPERATORS[operator] = has_native(operator)
    return _OPERATORS[operator]


def backend() -> str:
    """Returns ``"native"`` if the built operators are in use, or else ``"torch"``.

    The environment variable ``GRAPHKIT_BACKEND=torch``, set before Python starts, forces the second.
    """
    return "native" if _LIBRARY.loaded else "torch"


def describe() -> list[OperatorInfo]:
    """Returns for each operator what serves it, why, and what to do if that is not the native code."""
    rows = []
    for operator, native in sorted(_OPERATORS.items()):
        if native:
            rows.append(OperatorInfo(operator, "native", f"{_LIBRARY.reason}; CUDA tensors use PyTorch", ""))
        elif _LIBRARY.loaded:
            reason = "the library was built before this operator was added"
            rows.append(OperatorInfo(operator, "torch", reason, "install graphkit again"))
        else:
            rows.append(OperatorInfo(operator, "torch", _LIBRARY.reason, _LIBRARY.remedy))
    return rows


def serves(tensor: torch.Tensor) -> bool:
    """Returns whether native kernels exist for the type and device of ``tensor``."""
    return tensor.device.type == "cpu" and tensor.dtype in NATIVE_TYPES
