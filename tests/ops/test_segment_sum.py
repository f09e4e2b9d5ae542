import pytest
import torch
from torch import Tensor

from graphkit.ops import backend, segment_sum
from graphkit.ops.segment_sum import segment_sum_reference

# Lengths of the segments and shape of a row. Widths around those of vectors and of folded rows, one long segment.
SIZES = [
    ([3, 0, 5, 1, 0], (1,)),
    ([3, 0, 5, 1, 0], ()),
    ([2, 7, 200, 30], (1,)),
    ([2, 7, 200, 30], (3,)),
    ([40, 1, 9], (2, 3)),
    ([4, 6], (8,)),
    ([1, 3, 100], (17,)),
    ([5, 2, 33], (32,)),
    ([5, 2, 33], (33,)),
    ([11, 4], (64,)),
    ([2, 5], (101,)),
    ([3, 5000, 0, 2], (19,)),  # more than the native code takes at a time
    ([70_000, 1], ()),
    ([1, 60], (3000,)),
    ([0, 0], (4,)),
    ([], (4,)),
]


def make(lengths: list[int], shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths) + len(shape))
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return torch.randn(int(ptr[-1]), *shape, generator=generator, dtype=dtype), ptr


def by_hand(x: Tensor, ptr: Tensor) -> Tensor:
    bounds = zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True)
    sums = [x[begin:end].double().sum(0) for begin, end in bounds]
    return torch.stack(sums) if sums else x.new_zeros(0, *x.shape[1:], dtype=torch.float64)


@pytest.mark.parametrize("lengths, shape", SIZES)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_operator_and_reference_follow_the_definition(lengths, shape, dtype, tolerance):
    x, ptr = make(lengths, shape, dtype)
    expected = by_hand(x, ptr)
    scale = max([1.0, *lengths]) ** 0.5
    for call in (segment_sum, segment_sum_reference):
        out = call(x, ptr)
        assert out.dtype == dtype
        exact = call is segment_sum and backend() == "native"
        room = tolerance if exact else 30 * tolerance  # the reference adds up one number after another
        torch.testing.assert_close(out.double(), expected, rtol=0, atol=room * scale * 5)


@pytest.mark.parametrize("lengths, shape", SIZES)
def test_every_row_gets_the_gradient_of_its_segment(lengths, shape):
    x, ptr = make(lengths, shape)
    grad = torch.randn(len(lengths), *shape, dtype=torch.float64)
    (ours,) = torch.autograd.grad(segment_sum(x.requires_grad_(), ptr), x, grad)
    assert torch.equal(ours, grad.repeat_interleave(torch.tensor(lengths, dtype=torch.int64), 0))


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_gradcheck_once_and_twice(shape):
    x, ptr = make([3, 0, 4], shape)
    x.requires_grad_()
    assert torch.autograd.gradcheck(segment_sum, (x, ptr))
    assert torch.autograd.gradgradcheck(lambda x: segment_sum(x.sin(), ptr), (x,))


def test_nan_stays_in_its_segment():
    x, ptr = make([3, 4, 2], (5,))
    x[4, 2] = torch.nan
    nan = segment_sum(x, ptr).isnan()
    assert nan.sum() == 1 and bool(nan[1, 2])


def test_integers_are_summed_exactly():
    x = torch.tensor([2**60, 1, 5])
    assert segment_sum(x, torch.tensor([0, 2, 3])).tolist() == [2**60 + 1, 5]


def test_many_equal_numbers_in_half_precision():
    out = segment_sum(torch.ones(5000, dtype=torch.bfloat16), torch.tensor([0, 5000]))
    assert abs(float(out) - 5000) <= 16  # added up in bfloat16 it would stop at 256
