"""Where the tests that are meant for a GPU run, and how large their inputs are.

Whoever has a GPU checks the kernels with ``GRAPHKIT_CUDA=1 python -m pytest tests/ops/cuda/test_gpu_*.py``. Without
one, ``make emulate`` runs them on a GPU that the CPU plays.
"""

import sys

import pytest
import torch
from torch import Tensor

from graphkit.ops import describe

EMULATED = "tests.ops.cuda.emulated_operators" in sys.modules
DEVICE = "cpu" if EMULATED else "cuda"
SCALE = 30 if EMULATED else 5000  # an emulated GPU is a slow one


def need_gpu() -> None:
    """Skips the file that calls this where there is no GPU, or its kernels are not in use."""
    if EMULATED:
        return
    if not torch.cuda.is_available():
        pytest.skip("no GPU is seen", allow_module_level=True)
    row = next(row for row in describe() if row.operator == "segment_sum")
    if row.cuda_backend != "native":
        pytest.skip(f"{row.cuda_reason}; {row.cuda_remedy}", allow_module_level=True)


def first(out: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The result, of operators that return something beside it."""
    return out[0] if isinstance(out, tuple) else out


def normal(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Random numbers that ``dtype`` has, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def random_index(bound: int, *shape: int, seed: int) -> Tensor:
    """Random whole numbers below ``bound``; a third of them small, so that some nodes have very many edges."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(bound, shape, generator=generator)
    return torch.where(torch.rand(shape, generator=generator) < 0.3, index % 2, index)
