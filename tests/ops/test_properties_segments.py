"""Operators over segments of any lengths and numbers, against sums and maxima of Python's own floats."""

import math
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops import segment_max, segment_softmax, segment_sum
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from tests.properties import SEEDS

Lengths = list[int]
DTYPES = st.sampled_from([torch.float32, torch.float64])
WIDTHS = st.sampled_from([(), (1,), (3,), (2, 2), (9,)])
# Mostly short segments, many of them empty, and now and then one that is longer than the native code takes at a time.
LENGTHS = st.lists(st.integers(0, 5) | st.just(0), max_size=7) | st.lists(
    st.sampled_from([0, 1, 3, 4000, 9001]), min_size=1, max_size=3
)
HUGE: Lengths = [0, 20_000, 0, 1]


def ptr_of(lengths: Lengths) -> Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)


def numbers(lengths: Lengths, width: tuple[int, ...], seed: int, dtype: torch.dtype, scale: float = 4.0) -> Tensor:
    """Returns rows with many equal numbers, both zeros among them."""
    generator = torch.Generator().manual_seed(seed)
    x = (scale * torch.randn(sum(lengths), *width, generator=generator, dtype=torch.float64)).to(dtype)
    return torch.where(torch.rand(x.shape, generator=generator) < 0.3, x.round(), x)


def columns(x: Tensor, lengths: Lengths) -> Iterator[list[list[float]]]:
    """Yields for each segment the numbers of each column, column after column."""
    for rows in x.double().flatten(1).split(lengths) if x.dim() > 1 else x.double()[:, None].split(lengths):
        yield rows.t().tolist()


def below_largest(values: list[float]) -> list[float]:
    """Returns by how much each number is below the largest."""
    largest = max(values, default=0.0)
    return [largest - value for value in values]


def in_shape(values: Sequence[Sequence[float]], shape: torch.Size) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(shape)


@pytest.mark.parametrize("call", [segment_sum, segment_sum_reference])
@example(lengths=HUGE, width=(1,), seed=0, dtype=torch.float32)
@given(lengths=LENGTHS, width=WIDTHS, seed=SEEDS, dtype=DTYPES)
def test_sum(
    call: Callable[..., Tensor], lengths: Lengths, width: tuple[int, ...], seed: int, dtype: torch.dtype
) -> None:
    x = numbers(lengths, width, seed, dtype)
    out = call(x, ptr_of(lengths))
    assert out.dtype == dtype and out.shape == (len(lengths), *width)
    expected = in_shape([[math.fsum(c) for c in part] for part in columns(x, lengths)], out.shape)
    # Of n additions each may round once: at most n eps times the sum of the absolute values.
    room = in_shape([[len(c) * math.fsum(map(abs, c)) for c in part] for part in columns(x, lengths)], out.shape)
    assert bool(((out.double() - expected).abs() <= torch.finfo(dtype).eps * room).all())


@pytest.mark.parametrize("call", [segment_max, segment_max_reference])
@example(lengths=HUGE, width=(1,), seed=0, dtype=torch.float32, odd=[math.nan, math.inf])
@given(
    lengths=LENGTHS,
    width=WIDTHS,
    seed=SEEDS,
    dtype=DTYPES,
    odd=st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0]), max_size=6),
)
def test_max(
    call: Callable[..., tuple[Tensor, Tensor]],
    lengths: Lengths,
    width: tuple[int, ...],
    seed: int,
    dtype: torch.dtype,
    odd: list[float],
) -> None:
    x = numbers(lengths, width, seed, dtype)
    flat = x.view(-1)
    where = torch.randint(max(1, flat.numel()), (len(odd),), generator=torch.Generator().manual_seed(seed))
    for place, value in zip(where.tolist(), odd if flat.numel() else [], strict=False):
        flat[place] = value
    out, arg = call(x, ptr_of(lengths))
    assert out.dtype == dtype and arg.dtype == torch.int64
    values, rows, begin = [], [], 0
    for part, length in zip(columns(x, lengths), lengths, strict=True):
        # `max` returns the first of equal items; NaN is larger than any number.
        keys = [[(math.isnan(value), 0.0 if math.isnan(value) else value) for value in c] for c in part]
        best = [max(range(length), key=key.__getitem__, default=-1) for key in keys]
        values.append([c[row] if length else 0.0 for c, row in zip(part, best, strict=True)])
        rows.append([begin + row if length else -1 for row in best])
        begin += length
    assert torch.equal(arg, torch.tensor(rows, dtype=torch.int64).view(out.shape))
    torch.testing.assert_close(out.double(), in_shape(values, out.shape), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("call", [segment_softmax, segment_softmax_reference])
@example(lengths=HUGE, width=(1,), seed=0, dtype=torch.float32, scale=30.0, shift=1e3)
@given(
    lengths=LENGTHS,
    width=WIDTHS,
    seed=SEEDS,
    dtype=DTYPES,
    scale=st.sampled_from([0.1, 4.0, 30.0, 200.0]),
    shift=st.sampled_from([0.0, -1e3, 1e3]),
)
def test_softmax(
    call: Callable[..., Tensor],
    lengths: Lengths,
    width: tuple[int, ...],
    seed: int,
    dtype: torch.dtype,
    scale: float,
    shift: float,
) -> None:
    x = numbers(lengths, width, seed, dtype, scale) + shift
    out = call(x, ptr_of(lengths))
    assert out.dtype == dtype and out.shape == x.shape
    weights, room = [], []
    for part in columns(x, lengths):
        drops = [below_largest(c) for c in part]
        terms = [[math.exp(-drop) for drop in c] for c in drops]
        sums = [math.fsum(c) for c in terms]
        weights += zip(*([term / total for term in c] for c, total in zip(terms, sums, strict=True)), strict=True)
        # The difference is rounded once, as is what the sum adds for each of its n terms.
        room += zip(*([8 + len(c) + drop for drop in c] for c in drops), strict=True)
    eps, smallest = torch.finfo(dtype).eps, 1e-37 if dtype == torch.float32 else 1e-307
    expected = in_shape(weights, x.shape)
    limit = 4 * eps * in_shape(room, x.shape) * expected + smallest
    assert bool(((out.double() - expected).abs() <= limit).all())


@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=5), data=st.data())
def test_segments_that_do_not_cover_the_rows_are_refused(lengths: Lengths, data: st.DataObject) -> None:
    ptr = ptr_of(lengths)
    at = data.draw(st.integers(0, len(lengths)))
    value = data.draw(st.integers(-(2**62), 2**62))
    low, high = (ptr[at - 1] if at else 0), (ptr[at + 1] if at < len(lengths) else sum(lengths))
    fits = value == int(ptr[at]) or (0 < at < len(lengths) and low <= value <= high)
    x = torch.ones(sum(lengths), 2)
    ptr[at] = value
    for call in (segment_sum, segment_max, segment_softmax):
        if fits:
            call(x, ptr)
        else:
            with pytest.raises(InputError, match="`ptr` must "):
                call(x, ptr)
