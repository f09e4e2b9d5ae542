import math

import pytest
import torch
from torch import Tensor
from torch_geometric.utils import softmax

from graphkit.ops import backend, segment_softmax
from graphkit.ops.segment_softmax import segment_softmax_reference

SIZES = [
    ([3, 0, 5, 1, 0], ()),
    ([3, 0, 5, 1, 0], (1,)),
    ([2, 7, 200, 30], (3,)),
    ([40, 1, 9], (2, 3)),
    ([4, 0, 6], (8,)),
    ([2, 9, 33], (33,)),
    ([11, 4], (64,)),
    ([3, 5000, 0, 2], (19,)),  # more than the native code takes at a time
    ([70_000, 1], ()),
    ([1, 60], (3000,)),
    ([0, 0], (4,)),
    ([], (4,)),
]


def make(lengths: list[int], shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths) + len(shape))
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return 3 * torch.randn(int(ptr[-1]), *shape, generator=generator, dtype=dtype), ptr


def by_hand(x: Tensor, ptr: Tensor) -> Tensor:
    bounds = zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True)
    parts = [torch.softmax(x[begin:end].double(), dim=0) for begin, end in bounds]
    return torch.cat(parts) if parts else x.double()


@pytest.mark.parametrize("lengths, shape", SIZES)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_operator_and_reference_follow_the_definition(lengths, shape, dtype, tolerance):
    x, ptr = make(lengths, shape, dtype)
    expected = by_hand(x, ptr)
    for call in (segment_softmax, segment_softmax_reference):
        out = call(x, ptr)
        assert out.dtype == dtype
        exact = call is segment_softmax and backend() == "native"
        room = tolerance if exact else 100 * tolerance  # the reference adds up one number after another
        torch.testing.assert_close(out.double(), expected, rtol=room, atol=1e-30)


@pytest.mark.parametrize("lengths, shape", SIZES)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_gradient_is_that_of_the_definition(lengths, shape, dtype, tolerance):
    x, ptr = make(lengths, shape)
    weight = torch.randn(x.shape, dtype=torch.float64)
    grads = []
    for call, kind in ((segment_softmax, dtype), (by_hand, torch.float64)):
        rows = x.to(dtype).to(kind).requires_grad_()
        grads.append(torch.autograd.grad((call(rows, ptr) * weight.to(dtype).to(kind)).sum(), rows)[0].double())
    torch.testing.assert_close(*grads, rtol=0, atol=10 * tolerance)


def test_same_as_pyg():
    x, ptr = make([4, 0, 9, 30], (2, 5), torch.float32)
    torch.testing.assert_close(segment_softmax(x, ptr), softmax(x, ptr=ptr))


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_gradcheck_once_and_twice(shape):
    x, ptr = make([3, 0, 4], shape)
    x.requires_grad_()
    assert torch.autograd.gradcheck(segment_softmax, (x, ptr))
    assert torch.autograd.gradgradcheck(segment_softmax, (x, ptr))


def test_third_derivative():
    x, ptr = make([2, 0, 2], ())
    weight = torch.randn(4, dtype=torch.float64)

    def second(call, x: Tensor) -> Tensor:
        (grad,) = torch.autograd.grad((call(x, ptr) * weight).sum(), x, create_graph=True)
        return torch.autograd.grad(grad.square().sum(), x, create_graph=True)[0]

    thirds = []
    for call in (segment_softmax, by_hand):
        rows = x.detach().requires_grad_()
        thirds.append(torch.autograd.grad(second(call, rows).square().sum(), rows)[0])
    torch.testing.assert_close(*thirds)


@pytest.mark.parametrize("call", [segment_softmax, segment_softmax_reference])
@pytest.mark.parametrize("rows", [6, 9000])
def test_large_numbers_do_not_overflow_and_minus_infinity_has_no_weight(call, rows):
    x = torch.full((rows + 1, 5), 1e4)
    x[: rows // 2, 1] = -math.inf
    x[1, 2] = 3e4
    out = call(x, torch.tensor([0, rows, rows + 1]))
    assert not bool(out.isnan().any())
    assert bool((out[: rows // 2, 1] == 0).all())
    torch.testing.assert_close(out[rows // 2 : rows, 1], torch.full((rows - rows // 2,), 1 / (rows - rows // 2)))
    assert out[1, 2] == 1 and out[:rows, 2].sum() == 1
    assert torch.equal(out[rows], torch.ones(5))


@pytest.mark.parametrize("call", [segment_softmax, segment_softmax_reference])
@pytest.mark.parametrize("rows", [6, 9000])
def test_nan_and_infinity_stay_in_their_segment_and_column(call, rows):
    x = torch.zeros(2 * rows, 5)
    x[2, 1] = math.nan
    x[rows - 1, 2] = math.inf
    x[:rows, 3] = -math.inf
    nan = call(x, torch.tensor([0, rows, 2 * rows])).isnan()
    assert bool(nan[:rows, [1, 3]].all()) and bool(nan[rows - 1, 2])
    assert not bool(nan[:rows, [0, 4]].any()) and not bool(nan[rows:].any())
