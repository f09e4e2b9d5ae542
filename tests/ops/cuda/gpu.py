"""Where the tests that are meant for a GPU run, and how large their inputs are.

``bash benchmarks/gpu/run.sh`` runs them on a GPU and records what passed. Without one, ``make emulate`` runs them on a
GPU that the CPU plays, and ``GRAPHKIT_TEST_DEVICE=cpu`` on the operators of the CPU, to test the tests.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from graphkit.ops import describe
from graphkit.ops._cuda import CUDA_TYPES
from graphkit.ops._native import NATIVE_TYPES

EMULATED = "tests.ops.cuda.emulated_operators" in sys.modules
DEVICE = "cpu" if EMULATED else os.environ.get("GRAPHKIT_TEST_DEVICE", "cuda")
ON_GPU = DEVICE == "cuda"
SCALE = 1000 if ON_GPU else 30  # an emulated GPU is a slow one; what is right comes from the CPU in any case
TYPES = CUDA_TYPES if ON_GPU or EMULATED else NATIVE_TYPES
#: What fills a GPU; compilers of kernels are slow, and say nothing of those here.
COMPILER = "inductor" if ON_GPU else "aot_eager"


def need_gpu() -> None:
    """Skips the file that calls this where there is no GPU, or its kernels are not in use."""
    if not ON_GPU:
        return
    if not torch.cuda.is_available():
        pytest.skip("no GPU is seen", allow_module_level=True)
    row = next(row for row in describe() if row.operator == "segment_sum")
    if row.cuda_backend != "native":
        pytest.skip(f"{row.cuda_reason}; {row.cuda_remedy}", allow_module_level=True)


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """Fills all memory that is allocated for results with NaN, or with the largest number of the type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # operators of PyTorch that are not deterministic say so
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(False)


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
