import math

import pytest
import torch
from torch import Tensor

from graphkit.ops import segment_max
from graphkit.ops.segment_max import segment_max_reference

SIZES = [
    ([3, 0, 5, 1, 0], ()),
    ([3, 0, 5, 1, 0], (1,)),
    ([40, 1, 9], (2, 3)),
    ([4, 0, 6], (4,)),
    ([4, 0, 6], (18,)),
    ([2, 9, 33], (31,)),
    ([11, 4], (64,)),
    ([3, 5000, 0, 2], (19,)),  # more than the native code takes at a time
    ([70_000, 1], ()),
    ([0, 0], (4,)),
    ([], (4,)),
]


def make(lengths: list[int], shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Numbers from -3 to 3, so that the largest is often there several times, and both zeros."""
    generator = torch.Generator().manual_seed(sum(lengths) + len(shape))
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    x = torch.randint(-3, 4, (int(ptr[-1]), *shape), generator=generator).to(dtype)
    return torch.where(torch.rand(x.shape, generator=generator) < 0.5, x, -x), ptr


def by_hand(x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, number by number."""
    segments, columns = ptr.numel() - 1, math.prod(x.shape[1:])
    flat = x.reshape(x.size(0), columns).tolist()
    out, arg = [[0.0] * columns for _ in range(segments)], [[-1] * columns for _ in range(segments)]
    for s in range(segments):
        for e in range(int(ptr[s]), int(ptr[s + 1])):
            for d in range(columns):
                best, new = out[s][d], flat[e][d]
                if arg[s][d] == -1 or new > best or (math.isnan(new) and not math.isnan(best)):
                    out[s][d], arg[s][d] = new, e
    shape = (segments, *x.shape[1:])
    return torch.tensor(out, dtype=x.dtype).reshape(shape), torch.tensor(arg, dtype=torch.int64).reshape(shape)


@pytest.mark.parametrize("lengths, shape", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_operator_and_reference_follow_the_definition(lengths, shape, dtype):
    x, ptr = make(lengths, shape, dtype)
    expected, rows = by_hand(x, ptr)
    for call in (segment_max, segment_max_reference):
        out, arg = call(x, ptr)
        assert out.dtype == dtype and arg.dtype == torch.int64
        assert torch.equal(out, expected)
        assert torch.equal(arg, rows)


@pytest.mark.parametrize("call", [segment_max, segment_max_reference])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [9, 6000])
def test_the_first_nan_wins_and_infinities_are_numbers(call, dtype, rows):
    x = torch.full((rows, 20), -math.inf, dtype=dtype)
    x[3, 1], x[5, 1] = math.inf, math.inf
    x[2, 4], x[6, 4], x[7, 4] = math.inf, math.nan, -math.nan
    x[rows - 1, 17], x[rows - 2, 18] = -torch.tensor(math.nan, dtype=dtype), -0.0
    x[rows - 1, 18], x[rows - 2, 19], x[rows - 1, 19] = 0.0, -5e-324, -1e-300
    out, arg = call(x, torch.tensor([0, 1, rows]))
    expected, where = by_hand(x, torch.tensor([0, 1, rows]))
    torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(arg, where)
    assert arg[1, [1, 4, 17, 18]].tolist() == [3, 6, rows - 1, rows - 2]


@pytest.mark.parametrize("call", [segment_max, segment_max_reference])
def test_gradient_goes_to_the_first_of_equal_rows(call):
    x = torch.tensor([[1.0, 5.0], [4.0, 5.0], [4.0, 5.0], [-1.0, -2.0]], requires_grad=True)
    out, arg = call(x, torch.tensor([0, 0, 3, 4, 4]))
    assert arg.tolist() == [[-1, -1], [1, 0], [3, 3], [-1, -1]]
    assert not arg.requires_grad
    out.backward(torch.tensor([[10.0, 20.0], [1.0, 2.0], [3.0, 4.0], [30.0, 40.0]]))
    assert x.grad.tolist() == [[0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [3.0, 4.0]]


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_gradcheck_once_and_twice(shape):
    ptr = torch.tensor([0, 3, 3, 7])
    x = torch.randn(7, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: segment_max(x, ptr)[0], (x,))
    assert torch.autograd.gradgradcheck(lambda x: segment_max(x.sin(), ptr)[0] ** 2, (x,))


def test_integers_and_half_precision():
    x, ptr = make([4, 0, 9], (3,))
    expected, rows = by_hand(x, ptr)
    for dtype in (torch.int64, torch.int32, torch.bfloat16, torch.float16):
        out, arg = segment_max(x.to(dtype), ptr)
        assert out.dtype == dtype
        assert torch.equal(out.double(), expected + 0.0) and torch.equal(arg, rows)
