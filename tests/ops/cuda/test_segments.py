"""The CUDA kernels of the segment operators, on an emulated GPU, against the plain PyTorch forms."""

import math

import pytest
import torch
from torch import Tensor

from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from tests.ops.cuda.emulated import TYPES, Emulator
from tests.ops.cuda.launchers import Launchers, assert_close

# Lengths of segments, width, rows beyond which a segment is divided.
SIZES = [
    ([3, 0, 5, 1, 0], 1, 256),
    ([3, 0, 5, 1, 0], 4, 256),
    ([2, 7, 40, 30, 0, 8, 9], 12, 8),  # blocks of long segments, which begin and end anywhere
    ([16, 16, 1, 17, 8], 8, 8),  # and at the edges of blocks
    ([40, 1, 9], 64, 16),
    ([1, 12], 264, 8),  # more columns than a warp takes at once
    ([5, 0, 3], 7, 256),  # nothing that could be read in vectors
    ([2] * 70, 2, 256),
    ([700], 1, 256),
    ([0, 0], 4, 256),
    ([], 4, 256),
]

# The 16-bit types share all but their conversions.
CASES = [(*size, dtype) for size in SIZES for dtype in (torch.float32, torch.float16, torch.float64)]
CASES += [(*size, torch.bfloat16) for size in SIZES[1:4]]


def make(lengths: list[int], width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths) + width)
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return (2 * torch.randn(int(ptr[-1]), width, generator=generator, dtype=torch.float64)).to(dtype), ptr


@pytest.mark.parametrize("lengths, width, longest, dtype", CASES)
def test_all_kernels_equal_the_reference(
    gpu: Emulator, lengths: list[int], width: int, longest: int, dtype: torch.dtype
) -> None:
    x, ptr = make(lengths, width, dtype)
    run = Launchers(gpu, longest)
    assert_close(run.segment_sum(x, ptr), segment_sum_reference(x.double(), ptr))

    out, arg = run.segment_max(x, ptr)
    expected, rows = segment_max_reference(x, ptr)
    assert torch.equal(out, expected) and torch.equal(arg, rows)

    weights = segment_softmax_reference(x.double(), ptr)
    assert_close(run.segment_softmax(x, ptr), weights)

    y, grad = weights.to(dtype), make(lengths, width, dtype)[0].flip(1)
    dots = segment_sum_reference(y.double() * grad.double(), ptr)
    spread = torch.repeat_interleave(dots, ptr.diff(), dim=0)
    assert_close(run.segment_softmax_backward(grad, y, ptr), y.double() * (grad.double() - spread))

    values = out.flip(0)
    assert torch.equal(run.segment_expand(values, ptr, x.size(0)), torch.repeat_interleave(values, ptr.diff(), dim=0))


@pytest.mark.parametrize("dtype", TYPES)
def test_memory_that_is_not_aligned(gpu: Emulator, dtype: torch.dtype) -> None:
    x, ptr = make([9, 0, 30], 16, dtype)
    run, shifted = Launchers(gpu, 8), Launchers(gpu, 8, shifted=True)
    assert_close(shifted.segment_sum(x, ptr), segment_sum_reference(x.double(), ptr))
    assert_close(shifted.segment_softmax(x, ptr), segment_softmax_reference(x.double(), ptr))
    assert torch.equal(shifted.segment_max(x, ptr)[1], segment_max_reference(x, ptr)[1])
    y = torch.softmax(x, dim=0)
    room = {"rtol": 0, "atol": 4 * torch.finfo(dtype).eps}
    torch.testing.assert_close(
        shifted.segment_softmax_backward(x, y, ptr), run.segment_softmax_backward(x, y, ptr), **room
    )
    assert torch.equal(shifted.segment_expand(x[:3], ptr, 39), run.segment_expand(x[:3], ptr, 39))


@pytest.mark.parametrize("longest", [8, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_numbers_nan_and_infinity(gpu: Emulator, dtype: torch.dtype, longest: int) -> None:
    ptr = torch.tensor([0, 20, 40, 60, 80, 100])
    x = make([100], 6, dtype)[0].round()  # many equal numbers
    x[3, 0], x[17, 0], x[35, 1] = math.nan, math.nan, math.nan
    x[20:40, 2] = -math.inf
    x[40:52, 3] = -math.inf  # all of the first rows, but not all rows
    x[61, 4] = math.inf
    x[[0, 7], 5], x[1:7, 5] = torch.tensor(0.0, dtype=dtype), torch.tensor(-0.0, dtype=dtype)
    run = Launchers(gpu, longest)
    out, arg = run.segment_max(x, ptr)
    expected, rows = segment_max_reference(x, ptr)
    assert torch.equal(arg, rows)
    torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)
    assert arg[0, 0] == 3 and out[0, 0].isnan()

    weights = run.segment_softmax(x, ptr)
    exact = torch.cat([torch.softmax(chunk.double(), dim=0) for chunk in x.split(20)])
    assert_close(weights, exact)
    assert bool(weights[60:80, 4].isnan().all()) and bool(weights[20:40, 2].isnan().all())
    assert not bool(weights[40:60, 3].isnan().any())


def test_large_numbers_do_not_overflow(gpu: Emulator) -> None:
    x = torch.tensor([[1e4], [-1e4], [1e4 - 1]])
    ptr = torch.tensor([0, 3])
    exact = torch.softmax(x.double(), dim=0)
    assert_close(Launchers(gpu).segment_softmax(x, ptr), exact)
    assert_close(Launchers(gpu, longest=1).segment_softmax(x, ptr), exact)


def test_nothing_is_read_outside_whatever_ptr_holds(gpu: Emulator) -> None:
    """The sanitizer would end the process; what comes out does not matter."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 5, generator=generator)
    far = 2**62
    for ptr in (
        torch.tensor([0, 90, 50]),
        torch.tensor([-far, far, -far, far]),
        torch.tensor([far, -far, 3]),
        torch.tensor([7]),
        torch.randint(-60, 120, (30,), generator=generator),
        torch.randint(-60, 120, (300,), generator=generator).sort().values,
    ):
        for longest in (4, 256):
            run = Launchers(gpu, longest, sound=False)
            assert run.segment_sum(x, ptr).shape == (ptr.numel() - 1, 5)
            run.segment_max(x, ptr)
            run.segment_softmax(x, ptr)
            run.segment_softmax_backward(x, x, ptr)
            run.segment_expand(x[: ptr.numel() - 1].new_ones(ptr.numel() - 1, 5), ptr, 50)
