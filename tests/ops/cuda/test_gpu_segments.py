"""The segment operators on a GPU, against the plain PyTorch forms in float64 on the CPU, in all types."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphkit.ops import segment_max, segment_softmax, segment_sum
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from tests.ops.cuda.gpu import DEVICE, ON_GPU, SCALE, TYPES, first, need_gpu
from tests.ops.cuda.launchers import assert_close

need_gpu()

OPERATORS = [segment_sum, segment_max, segment_softmax]
REFERENCES = {
    segment_sum: segment_sum_reference,
    segment_max: lambda x, ptr: segment_max_reference(x, ptr)[0],
    segment_softmax: segment_softmax_reference,
}


def random_segments(lengths: str) -> Tensor:
    """``ptr`` of some 20 * SCALE rows."""
    generator = torch.Generator().manual_seed(SCALE)
    if lengths == "one":
        return torch.tensor([0, 0, 20 * SCALE, 20 * SCALE])
    short = torch.randint(0, 12, (2 * SCALE,), generator=generator)
    if lengths == "mixed":  # some long, most short, many empty
        short = torch.where(torch.rand(2 * SCALE, generator=generator) < 0.3, 0, short)
        short[:: SCALE // 2] = torch.randint(200, 10 * SCALE, (short[:: SCALE // 2].numel(),), generator=generator)
    return torch.cat([torch.zeros(1, dtype=torch.int64), short.cumsum(0)])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("lengths", ["short", "mixed", "one"])
@pytest.mark.parametrize("shape", [(), (3,), (8,), (2, 32), (257,)])
@pytest.mark.parametrize("operator", OPERATORS)
def test_segments(operator: Callable, lengths: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    ptr = random_segments(lengths)
    generator = torch.Generator().manual_seed(len(lengths))
    x = (2 * torch.randn(int(ptr[-1]), *shape, generator=generator, dtype=torch.float64)).to(dtype)
    ours, exact = x.to(DEVICE).requires_grad_(), x.double().requires_grad_()
    out, expected = first(operator(ours, ptr.to(DEVICE))), REFERENCES[operator](exact, ptr)
    assert out.dtype == dtype and out.device.type == DEVICE
    assert_close(out.cpu().detach(), expected.detach())
    weight = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(dtype)
    (grad,) = torch.autograd.grad(out, ours, weight.to(DEVICE))
    if operator is segment_softmax:  # the gradient starts from the rounded weights
        exact, y = weight.double(), out.cpu().detach().double()
        dots = segment_sum_reference(y * exact, ptr)
        expected_grad = y * (exact - torch.repeat_interleave(dots, ptr.diff(), dim=0))
    else:
        (expected_grad,) = torch.autograd.grad(expected, exact, weight.double())
    assert_close(grad.cpu(), expected_grad)
    if operator is segment_max:
        assert torch.equal(operator(ours, ptr.to(DEVICE))[1].cpu(), segment_max_reference(x, ptr)[1])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_two_runs_give_the_same_bits(operator: Callable, dtype: torch.dtype) -> None:
    ptr = random_segments("mixed").to(DEVICE)
    x = torch.randn(int(ptr[-1]), 24).to(dtype).to(DEVICE).requires_grad_()
    results = []
    for _ in range(2):
        out = first(operator(x, ptr))
        results.append((out.detach(), *torch.autograd.grad((out * out.detach().cos()).sum(), x)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("operator", OPERATORS)
def test_nan_and_infinity(operator: Callable) -> None:
    x = torch.randn(40, 4)
    x[3, 0], x[25, 1], x[20:40, 2] = math.nan, math.inf, -math.inf
    ptr = torch.tensor([0, 20, 20, 40])
    out = first(operator(x.to(DEVICE), ptr.to(DEVICE))).cpu()
    torch.testing.assert_close(out, REFERENCES[operator](x, ptr), equal_nan=True)


@pytest.mark.parametrize("operator", OPERATORS)
def test_layouts_and_empty_inputs(operator: Callable) -> None:
    x = torch.randn(12, 3, 5, device=DEVICE)
    ptr = torch.tensor([0, 3, 3, 4, 12], device=DEVICE)
    expected = first(operator(x, ptr))
    strided = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert torch.equal(first(operator(strided, ptr.int())), expected)
    later = torch.cat([x.new_zeros(1), x.flatten()])[1:].view_as(x)  # does not begin at a multiple of 16 bytes
    assert torch.equal(first(operator(later, ptr)), expected)
    for shape, cuts in (((0, 3), [0]), ((0, 3), [0, 0, 0]), ((4, 0), [0, 1, 4])):
        empty = torch.randn(shape, device=DEVICE, requires_grad=True)
        out = first(operator(empty, torch.tensor(cuts, device=DEVICE)))
        assert out.shape[1:] == shape[1:] and not out.any()
        out.sum().backward()
        assert empty.grad is not None and empty.grad.shape == shape


@pytest.mark.parametrize("operator", OPERATORS)
def test_more_numbers_than_32_bits_count(operator: Callable) -> None:
    """Segments of four rows, so that plain reductions of a view tell what is right; on a GPU, 2.7 billion numbers."""
    count = 2**23 if ON_GPU else 2**5
    x = torch.randn(4 * count, 80, device=DEVICE, dtype=TYPES[-1])
    ours = first(operator(x, torch.arange(0, 4 * count + 1, 4, device=DEVICE)))
    wrong = 0
    for begin in range(0, count, 2**20):  # some at a time: all of them would take five times the memory
        chunk, rows = x[4 * begin : 4 * (begin + 2**20)].view(-1, 4, 80), slice(begin, begin + 2**20)
        if operator is segment_softmax:
            right, result = torch.softmax(chunk.float(), dim=1), ours.view(-1, 4, 80)[rows]
        else:
            right = chunk.float().sum(1) if operator is segment_sum else chunk.amax(1).float()
            result = ours[rows]
        wrong += int((result.float() - right).abs().gt(1e-2 * right.abs() + 1e-3).sum())
    assert wrong == 0
