"""The CUDA kernels of aggregate and pair_score, on an emulated GPU, against the definition in float64."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from graphkit.ops._cuda_groups import group_neighbors, transpose_neighbors
from graphkit.ops._neighbors import DROP, KEEP, REPLACE
from tests.ops.cuda.emulated import TYPES, Emulator, Int, groups, unset, wide
from tests.ops.cuda.launchers import Launchers, assert_close

# Nodes, nodes at the other ends, edges, heads, width, edges beyond which a node is divided.
SIZES = [
    (7, 7, 20, 1, 1, 256),
    (7, 5, 30, 2, 3, 8),
    (9, 9, 40, 1, 8, 256),
    (6, 6, 60, 4, 4, 8),
    (5, 9, 40, 2, 16, 4),
    (3, 4, 30, 1, 264, 8),  # more columns than a warp takes at once, in vectors of any type
    (3, 4, 30, 2, 131, 8),  # and of single ones
    (2, 2, 200, 3, 13, 32),
    (50, 50, 40, 2, 8, 256),  # most nodes without edges
    (40, 3, 400, 1, 4, 16),
    (5, 5, 0, 2, 4, 256),
    (0, 4, 0, 2, 4, 256),
    (4, 4, 9, 0, 4, 256),
    (4, 4, 9, 2, 0, 256),
]

# The 16-bit types share all but their conversions.
CASES = [(size, dtype) for size in SIZES for dtype in (torch.float32, torch.float16)]
CASES += [(size, dtype) for size in SIZES[1:8] for dtype in (torch.float64, torch.bfloat16)]


class NeighborLaunchers(Launchers):
    """Calls the kernels for the edges of nodes.

    Args:
        gpu: Where they run.
        ptr, rows: The edges by node.
        places: Number of edges in the input.
    """

    def __init__(self, gpu: Emulator, ptr: Tensor, rows: Tensor, places: int, *options: object) -> None:
        super().__init__(gpu, *options)  # type: ignore[arg-type]
        self.ptr, self.rows, self.places = ptr, rows, places

    @property
    def nodes(self) -> int:
        return self.ptr.numel() - 1

    def edges(self, x: Tensor) -> tuple:
        count = 0 if x.size(0) == 0 or self.places == 0 else self.rows.size(0)
        table = groups(self.ptr, count, self.longest)
        return (table, self.rows, self.rows.size(1), x.size(0), self.places, x.size(1), x.size(2))

    def sum(
        self,
        x: Tensor,
        weight: Tensor | None = None,
        scales: tuple[Tensor | None, Tensor | None] = (None, None),
        loop: float = 0.0,
    ) -> Tensor:
        out = unset(self.nodes, *x.shape[1:], dtype=x.dtype)
        parts = self.parts(self.rows.size(0), *x.shape[1:], dtype=wide(x.dtype))
        given = [self.given(x), None if weight is None else self.given(weight)]
        name = "graphkit_aggregate_sum"
        self.gpu(name, Int(TYPES[x.dtype]), self.edges(x), scales, loop, *given, out, parts, None)
        return out

    def max(self, x: Tensor, counts: bool = True) -> tuple[Tensor, Tensor | None]:
        out = unset(self.nodes, *x.shape[1:], dtype=x.dtype)
        count = unset(self.nodes, *x.shape[1:], dtype=x.dtype) if counts else None
        parts = [self.parts(self.rows.size(0), *x.shape[1:], dtype=wide(x.dtype)) for _ in range(2)]
        name = "graphkit_aggregate_max"
        self.gpu(name, Int(TYPES[x.dtype]), self.edges(x), self.given(x), out, count, *parts, None)
        return out, count

    def compare(self, x: Tensor, key: Tensor, own: Tensor, deviation: bool = False) -> Tensor:
        out = unset(self.nodes, *x.shape[1:], dtype=x.dtype)
        parts = self.parts(self.rows.size(0), *x.shape[1:], dtype=wide(x.dtype))
        given = [self.given(t) for t in (x, key, own)]
        name = "graphkit_aggregate_compare"
        self.gpu(name, Int(TYPES[x.dtype]), deviation, self.edges(x), *given, out, parts, None)
        return out

    def variance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out, mean = (unset(self.nodes, *x.shape[1:], dtype=x.dtype) for _ in range(2))
        parts = [self.parts(self.rows.size(0), *x.shape[1:], dtype=x.dtype) for _ in range(3)]
        name = "graphkit_aggregate_variance"
        self.gpu(name, Int(TYPES[x.dtype]), self.edges(x), self.given(x), out, mean, *parts, None)
        return out, mean

    def dot(self, own: Tensor, x: Tensor, scales: tuple[Tensor | None, Tensor | None] = (None, None)) -> Tensor:
        out = torch.zeros(self.places, x.size(1), dtype=wide(x.dtype))
        given = [self.given(own), self.given(x)]
        self.gpu("graphkit_aggregate_dot", Int(TYPES[x.dtype]), self.edges(x), scales, *given, out, None)
        return out

    def pair_score(self, own: Tensor, other: Tensor, att: Tensor, slope: float) -> Tensor:
        out = torch.zeros(self.places, own.size(1), dtype=own.dtype)
        given = [self.given(t) for t in (own, other, att)]
        self.gpu("graphkit_pair_score", Int(TYPES[own.dtype]), self.edges(other), *given, slope, out, None)
        return out

    def pair_score_backward(
        self, grad: Tensor, own: Tensor, other: Tensor, att: Tensor, slope: float, with_rows: bool
    ) -> tuple[Tensor, Tensor | None]:
        out = unset(*own.shape, dtype=own.dtype)
        rows = unset(*own.shape, dtype=own.dtype) if with_rows else None
        parts = [self.parts(self.rows.size(0), *own.shape[1:], dtype=wide(own.dtype)) for _ in range(2)]
        given = [self.given(t) for t in (grad, own, other, att)]
        name = "graphkit_pair_score_backward"
        last = (out, rows, parts[0], parts[1] if with_rows else None, None)
        self.gpu(name, Int(TYPES[own.dtype]), self.edges(other), *given, slope, *last)
        return out, rows


def make_edges(nodes: int, others: int, edges: int) -> tuple[Tensor, Tensor]:
    """Returns sources and targets; a third of the edges end at two nodes."""
    generator = torch.Generator().manual_seed(nodes + edges)
    source = torch.randint(max(others, 1), (edges,), generator=generator)
    target = torch.randint(max(nodes, 1), (edges,), generator=generator)
    return source, torch.where(torch.rand(edges, generator=generator) < 0.3, target % 2, target).clamp(max=nodes - 1)


def make(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def launchers(gpu: Emulator, size: tuple, places: bool = True, shifted: bool = False) -> tuple:
    nodes, others, edges, *_, longest = size
    source, target = make_edges(nodes, others, edges)
    ptr, rows = group_neighbors(target, source, nodes, others, KEEP, places)
    return NeighborLaunchers(gpu, ptr, rows, edges, longest, shifted), source, target


def check_sums(gpu: Emulator, size: tuple, dtype: torch.dtype, shifted: bool = False) -> None:
    nodes, others, edges, heads, width, _ = size
    run, source, target = launchers(gpu, size, shifted=shifted)
    plain, *_ = launchers(gpu, size, places=False, shifted=shifted)
    x, own = (make(n, heads, width, dtype=dtype, seed=n) for n in (others, nodes))
    weight = make(edges, heads, dtype=wide(dtype), seed=3)
    s, t = (make(n, dtype=wide(dtype), seed=n + 1).abs() for n in (others, nodes))
    loops = [0.0, 1.5] if nodes == others else [0.0]
    for w in (None, weight):
        for scales in ((None, None), (s, t), (s, None)):
            for loop in loops:
                factors = torch.ones(edges, heads).double() if w is None else w.double()
                here = torch.ones(others).double() if scales[0] is None else scales[0].double()
                messages = factors[:, :, None] * (here[:, None, None] * x.double())[source]
                expected = messages.new_zeros(nodes, heads, width).index_add(0, target, messages)
                if loop:
                    expected = expected + loop * here[:, None, None] * x.double()
                expected = expected if scales[1] is None else expected * scales[1].double()[:, None, None]
                assert_close((plain if w is None else run).sum(x, w, scales, loop), expected)
    dots = (own.double()[target] * x.double()[source]).sum(-1)
    assert_close(run.dot(own, x), dots)
    assert_close(run.dot(own, x, (s, t)), dots * (s.double()[source] * t.double()[target])[:, None])


@pytest.mark.parametrize("size, dtype", CASES)
def test_sums_and_products(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    check_sums(gpu, size, dtype)


@pytest.mark.parametrize("size, dtype", CASES)
def test_maxima_and_who_has_them(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    nodes, others, _, heads, width, _ = size
    run, source, target = launchers(gpu, size, places=False)
    x = make(others, heads, width, dtype=dtype, seed=1).mul(2).round()  # few values: many share the maximum
    messages = x.double()[source]
    index = target[:, None, None].expand_as(messages)
    best = messages.new_full((nodes, heads, width), -math.inf).scatter_reduce(0, index, messages, "amax")
    equal = (messages == best[target]).double()
    out, count = run.max(x)
    assert_close(out, best.where(best.isfinite(), 0))
    assert count is not None
    assert torch.equal(count.double(), torch.zeros_like(best).index_add(0, target, equal))
    assert torch.equal(run.max(x, counts=False)[0], out)

    source_ptr, source_rows = transpose_neighbors(run.ptr, run.rows, others)
    back = NeighborLaunchers(gpu, source_ptr, source_rows, run.places, run.longest)
    share = make(nodes, heads, width, dtype=dtype, seed=2)
    shares = share.double()[target] * equal
    assert_close(back.compare(share, out, x), shares.new_zeros(others, heads, width).index_add(0, source, shares))


@pytest.mark.parametrize("size, dtype", [(size, torch.float32) for size in SIZES] + [(SIZES[4], torch.float64)])
def test_variances_and_deviations(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    nodes, others, _, heads, width, _ = size
    run, source, target = launchers(gpu, size, places=False)
    x, own, key = (make(n, heads, width, dtype=dtype, seed=k) for k, n in enumerate((others, nodes, others)))
    rows = 3 + x.double()[source]
    zeros, degrees = rows.new_zeros(nodes, heads, width), target.bincount(minlength=nodes).clamp(min=1)[:, None, None]
    mean = zeros.index_add(0, target, rows) / degrees
    squares = zeros.index_add(0, target, (rows - mean[target]).square()) / degrees
    variance, ours = run.variance(3 + x)
    assert_close(ours, mean)
    assert_close(variance, squares)
    expected = zeros.index_add(0, target, x.double()[source] * (own.double()[target] - key.double()[source]))
    assert_close(run.compare(x, key, own, deviation=True), expected)


@pytest.mark.parametrize("size, dtype", CASES)
def test_scores_of_pairs(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    nodes, others, edges, heads, width, longest = size
    run, source, target = launchers(gpu, size)
    own, other = (make(n, heads, width, dtype=dtype, seed=n) for n in (nodes, others))
    att, grad = make(heads, width, dtype=dtype, seed=1), make(edges, heads, dtype=dtype, seed=2)
    exact = [t.double().requires_grad_() for t in (own, other, att)]
    vectors = exact[2].expand(nodes, heads, width)
    expected = (leaky_relu(exact[1][source] + exact[0][target], 0.2) * vectors[target]).sum(-1)
    assert_close(run.pair_score(own, other, att, 0.2), expected.detach())
    inputs = (exact[0], exact[1], vectors)
    expected_own, expected_other, expected_rows = torch.autograd.grad(expected, inputs, grad.double())
    ours, rows = run.pair_score_backward(grad, own, other, att, 0.2, True)
    assert_close(ours, expected_own)
    assert rows is not None
    assert_close(rows, expected_rows)
    back = NeighborLaunchers(gpu, *transpose_neighbors(run.ptr, run.rows, others), edges, longest)
    assert_close(back.pair_score_backward(grad, other, own, att, 0.2, False)[0], expected_other)


@pytest.mark.parametrize("dtype", TYPES)
def test_memory_that_is_not_aligned(gpu: Emulator, dtype: torch.dtype) -> None:
    check_sums(gpu, (6, 6, 50, 2, 16, 8), dtype, shifted=True)


def test_numbers_that_are_not_finite(gpu: Emulator) -> None:
    """A NaN is the maximum of its column, wherever the rows of a divided node are merged; infinity is a number."""
    inf, nan = math.inf, math.nan
    x = torch.tensor([[-inf, nan, 1, inf], [-inf, 2, nan, inf], [-inf, 3, 2, 0]])[:, None]
    source = torch.arange(30) % 3
    ptr, rows = group_neighbors(torch.zeros(30, dtype=torch.int64), source, 2, 3, KEEP, False)
    for longest in (4, 256):
        out, count = NeighborLaunchers(gpu, ptr, rows, 30, longest).max(x)
        assert out[0, 0].nan_to_num(9, inf, -inf).tolist() == [-inf, 9, 9, inf]
        assert count is not None
        assert count[0, 0].tolist() == [30, 0, 0, 20]
        assert out[1].eq(0).all() and count[1].eq(0).all()


@pytest.mark.parametrize("loops", [KEEP, DROP, REPLACE])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("sizes", [(7, 7, 40), (1, 1, 5), (300, 200, 900), (3, 9, 0), (0, 0, 0), (5, 8, 90)])
def test_neighbors_are_grouped_as_the_cpu_operators_group_them(
    native: None, sizes: tuple[int, int, int], places: bool, loops: int
) -> None:
    nodes, others, count = sizes
    source, target = make_edges(nodes, others, count)
    ours = group_neighbors(target, source, nodes, others, loops, places)
    expected = torch.ops.graphkit.group_neighbors(target, source, nodes, others, loops, places)
    for one, other in zip(ours, expected, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)
    expected = torch.ops.graphkit.transpose_neighbors(*ours, others)
    for one, other in zip(transpose_neighbors(*ours, others), expected, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)


def test_neighbors_that_do_not_exist() -> None:
    good = torch.tensor([0, 1, 2])
    for bad in (torch.tensor([0, 3, 1]), torch.tensor([0, -1, 1]), torch.tensor([0, 2**62, 1])):
        for target, source in ((good, bad), (bad, good)):
            with pytest.raises(RuntimeError, match="has an invalid node id"):
                group_neighbors(target, source, 3, 3, KEEP, False)
    with pytest.raises(RuntimeError, match="2\\^31 nodes and edges"):
        group_neighbors(good, good, 2**31, 3, KEEP, False)


def test_nothing_is_read_or_written_outside_whatever_the_edges_are(gpu: Emulator) -> None:
    """The sanitizer would end the process; what comes out does not matter."""
    far = 2**62
    for ptr, numbers in (
        ([0, 5, 3, 9, 99], [0, 1, 2, 3, 4, 5, -1, 2**31 - 1, -(2**31)]),
        ([-far, far, -far, far, 0], [9] * 9),
        ([8, 6, 4, 2, 0], [-1] * 9),
    ):
        rows = torch.tensor([numbers, numbers[::-1]], dtype=torch.int32).t().contiguous()
        for others in (0, 3):
            for longest in (2, 256):
                run = NeighborLaunchers(gpu, torch.tensor(ptr), rows, 5, longest, False, False)
                x, own, weight = torch.ones(others, 2, 4), torch.ones(4, 2, 4), torch.ones(5, 2)
                scales = torch.ones(others), torch.ones(4)
                run.sum(x, weight, scales)
                run.max(x)
                run.compare(x, x, own)
                run.variance(x)
                run.dot(own, x, scales)
                run.pair_score(own, x, own[0], 0.2)
                run.pair_score_backward(weight, own, x, own[0], 0.2, True)
