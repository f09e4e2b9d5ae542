"""The CUDA kernels: a library of their own beside that of the CPU kernels, off unless ``GRAPHKIT_CUDA=1`` is set.

They are compiled and tested by emulation, and have not yet run on a GPU: nobody should get their numbers unasked.
"""

import os
from pathlib import Path

import torch

from graphkit.errors import InputError
from graphkit.ops._cuda_groups import KERNELS

CUDA_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
CHECK = "GRAPHKIT_CUDA=1 python -m pytest tests/ops/cuda/test_gpu_*.py"  # in a clone, on a machine with a GPU

_UNTRIED = "the CUDA kernels are off: they are compiled and tested by emulation, not yet run on a GPU"


def load_cuda(folder: Path, again: str) -> tuple[bool, str, str]:
    """Loads the CUDA kernels from ``folder`` if that was asked for.

    Returns whether they are loaded, why or why not, and what to do; ``again`` is how graphkit is installed again.
    """
    wish = os.environ.get("GRAPHKIT_CUDA", "")
    if wish not in ("", "0", "1"):
        raise InputError(f"GRAPHKIT_CUDA must be '1' to use the CUDA kernels, '0' or unset not to (got {wish!r})")
    paths = sorted(folder.glob("_cuda*.so"))
    if not paths and torch.version.cuda is None:
        return False, "this PyTorch is built without CUDA", f"install a CUDA build of torch, then {again}"
    if not paths:
        remedy = f"install nvcc of CUDA {torch.version.cuda} (CUDA_HOME says where it is), then {again}"
        return False, "the CUDA kernels were not built when graphkit was installed", remedy
    if wish != "1":
        return False, _UNTRIED, f"set GRAPHKIT_CUDA=1; first check them on your GPU, in a clone of graphkit: {CHECK}"
    try:
        torch.ops.load_library(str(paths[0]))
    except (OSError, RuntimeError) as error:
        return False, f"{paths[0].name} does not load: {str(error).splitlines()[0]}", again
    for name, kernel in KERNELS.items():
        if hasattr(torch.ops.graphkit, name):
            torch.library.register_kernel(f"graphkit::{name}", "cuda", kernel)
    return True, f"{paths[0].name} is loaded, at your wish (GRAPHKIT_CUDA=1)", ""


def has_cuda_kernel(operator: str) -> bool:
    """Returns whether a loaded library has a CUDA kernel of ``operator``."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(f"graphkit::{operator}", "CUDA")
