import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import factor_aggregate
from graphkit.ops.factor_aggregate import factor_aggregate_reference

# Nodes, edges, factors, width, one set of features per factor. Widths around those of vectors, factors around blocks.
SIZES = [
    (7, 20, 3, 1, False),
    (7, 20, 2, 3, True),
    (9, 30, 1, 5, False),
    (30, 200, 8, 4, True),
    (30, 200, 5, 16, False),
    (30, 200, 11, 18, False),
    (30, 200, 9, 31, True),
    (20, 90, 4, 64, False),
    (2, 700, 3, 13, False),  # more edges per node than the native code takes at a time
    (2, 700, 10, 7, True),
    (5, 0, 3, 4, False),
    (0, 0, 3, 4, True),
    (4, 9, 2, 0, False),
]


def make(
    nodes: int, edges: int, factors: int, width: int, per_factor: bool, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(nodes + edges + factors + width)
    shape = (nodes, factors, width) if per_factor else (nodes, width)
    h = torch.randn(shape, generator=generator, dtype=dtype)
    source = torch.randn(nodes, factors, generator=generator, dtype=dtype)
    target = torch.randn(nodes, factors, generator=generator, dtype=dtype)
    edge_index = torch.randint(max(nodes, 1), (2, edges), generator=generator)
    return h, source, target, edge_index


def edge_terms(size: tuple, dtype: torch.dtype = torch.float64) -> Tensor:
    """Terms of the edges of :func:`make`."""
    generator = torch.Generator().manual_seed(size[1] + 7 * size[2])
    return torch.randn(size[1], size[2], generator=generator, dtype=dtype)


def by_hand(
    h: Tensor,
    source: Tensor,
    target: Tensor,
    edge_index: Tensor,
    norm: list[float],
    gain: float,
    edge: Tensor | None = None,
) -> Tensor:
    """The definition, number by number."""
    factors, width = source.size(1), h.size(-1)
    out = [[[0.0] * width for _ in range(factors)] for _ in range(h.size(0))]
    for e, (j, i) in enumerate(edge_index.t().tolist()):
        for m in range(factors):
            term = 0.0 if edge is None else float(edge[e, m])
            gate = 1 / (1 + math.exp(-gain * (float(source[j, m] + target[i, m]) + term)))
            features = h[j, m] if h.dim() == 3 else h[j]
            for d in range(width):
                out[i][m][d] += gate * norm[j] * float(features[d])
    return torch.tensor(out, dtype=torch.float64).view(h.size(0), factors, width)


def gradients(call, tensors: tuple[Tensor, ...], weight: Tensor) -> list[Tensor]:
    tensors = tuple(t.detach().requires_grad_() for t in tensors)
    return list(torch.autograd.grad((call(*tensors) * weight).sum(), tensors))


@pytest.mark.parametrize("with_edges", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_reference_and_operator_follow_the_definition(size, with_edges):
    h, source, target, edge_index = make(*size)
    edge = edge_terms(size) if with_edges else None
    norm = torch.rand(size[0], dtype=torch.float64)
    expected = by_hand(h, source, target, edge_index, norm.tolist(), 1.7, edge)
    out = factor_aggregate(h, source, target, edge_index, norm, gain=1.7, edge=edge)
    scaled = h * norm.view(-1, *[1] * (h.dim() - 1))
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        factor_aggregate_reference(scaled, source, target, edge_index, 1.7, edge), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference(native, size, dtype, tolerance):
    """Against float64 in both cases: over long sums the float32 reference is itself off by more than the kernels."""
    h, source, target, edge_index = make(*size, dtype)
    weight = torch.randn(size[0], size[2], size[3], dtype=dtype)
    results = []
    for call, t in ((factor_aggregate, dtype), (factor_aggregate_reference, torch.float64)):
        tensors = (h.to(t), source.to(t), target.to(t))
        out = call(*tensors, edge_index, gain=1.3)
        grads = gradients(lambda *x, c=call: c(*x, edge_index, gain=1.3), tensors, weight.to(t))
        results.append([out, *grads])
    for ours, reference in zip(*results, strict=True):
        assert ours.dtype == dtype
        scale = float(reference.abs().max()) if reference.numel() > 0 else 1.0
        torch.testing.assert_close(ours.double(), reference, rtol=0, atol=tolerance * max(scale, 1.0))


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference_with_edge_terms(native, size, dtype, tolerance):
    h, source, target, edge_index = make(*size, dtype)
    weight = torch.randn(size[0], size[2], size[3], dtype=dtype)
    inputs = (h, source, target, edge_terms(size, dtype))
    ordered, order = EdgeIndex(edge_index, sparse_size=(size[0],) * 2).sort_by("col")
    results = []
    for form, t in ((factor_aggregate, dtype), (factor_aggregate_reference, torch.float64)):
        tensors = tuple(x.to(t) for x in inputs)

        def call(h: Tensor, source: Tensor, target: Tensor, edge: Tensor, form=form) -> Tensor:
            return form(h, source, target, edge_index, gain=1.3, edge=edge)

        results.append([call(*tensors), *gradients(call, tensors, weight.to(t))])
        if form is factor_aggregate:
            results.append([form(h, source, target, ordered, gain=1.3, edge=inputs[3][order])])
    ours, by_target, exact = results
    for one, reference in zip([*ours, *by_target], [*exact, exact[0]], strict=True):
        assert one.dtype == dtype
        scale = float(reference.abs().max()) if reference.numel() > 0 else 1.0
        torch.testing.assert_close(one.double(), reference, rtol=0, atol=tolerance * max(scale, 1.0))


def test_sigmoid_is_accurate_over_its_whole_range(native):
    """One edge, one factor, one feature of 1: the output is the sigmoid itself."""
    for dtype, tolerance in ((torch.float32, 3e-7), (torch.float64, 5e-16)):
        x = torch.cat([torch.linspace(-80, 80, 4001), torch.linspace(-1e-3, 1e-3, 101)]).to(dtype)
        nodes = torch.arange(x.numel())
        out = factor_aggregate(
            x.new_ones(x.numel(), 1), x[:, None], torch.zeros_like(x)[:, None], torch.stack([nodes, nodes])
        ).flatten()
        expected = torch.sigmoid(x.double())
        assert float(((out - expected).abs() / expected).max()) < tolerance
        large = factor_aggregate(
            x.new_ones(2, 1), x.new_tensor([[1e6], [-1e6]]), x.new_zeros(2, 1), torch.tensor([[0, 1], [0, 1]])
        )
        torch.testing.assert_close(large.flatten(), x.new_tensor([1.0, 0.0]))


def test_nan_and_infinity_stay_visible():
    h, source, target, edge_index = make(6, 30, 2, 4, False)
    source[3, 1] = math.nan
    out = factor_aggregate(h, source, target, edge_index)
    hit = edge_index[1, edge_index[0] == 3].unique()
    assert hit.numel() > 0
    assert bool(out[hit, 1].isnan().all())
    assert not bool(out[:, 0].isnan().any())


@pytest.mark.parametrize("with_edges", [False, True])
@pytest.mark.parametrize("per_factor", [False, True])
def test_gradcheck_once_and_twice(per_factor, with_edges):
    size = (5, 14, 3, 4, per_factor)
    h, source, target, edge_index = make(*size)
    norm = torch.rand(5, dtype=torch.float64)
    edge = [edge_terms(size)] if with_edges else []
    inputs = tuple(t.requires_grad_() for t in (h, source, target, norm, *edge))

    def call(h: Tensor, source: Tensor, target: Tensor, norm: Tensor, edge: Tensor | None = None) -> Tensor:
        return factor_aggregate(h, source, target, edge_index, norm, gain=1.5, edge=edge)

    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("size", [(6, 15, 3, 4, False), (6, 15, 3, 5, True), (3, 0, 2, 2, False)])
def test_opcheck(native, size):
    h, source, target, edge_index = make(*size)
    ops = torch.ops.graphkit
    colptr, row = ops.group_edges(edge_index[1], edge_index[0], size[0])
    rowptr, col = ops.transpose_edges(colptr, row)
    inputs = tuple(t.requires_grad_() for t in (h, source, target))
    grad = torch.randn(size[0], size[2], size[3], dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(ops.group_edges.default, (edge_index[1], edge_index[0], size[0]))
    torch.library.opcheck(ops.transpose_edges.default, (colptr, row))
    torch.library.opcheck(ops.factor_aggregate.default, (*inputs, colptr, row, None, None, 1.5))
    torch.library.opcheck(ops.factor_aggregate.default, (*inputs, colptr, row, rowptr, col, 1.5))
    torch.library.opcheck(ops.factor_aggregate_backward.default, (grad, *inputs, colptr, row, rowptr, col, 1.5))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("size", [(6, 15, 3, 4, False), (6, 15, 3, 5, True), (3, 0, 2, 2, False)])
def test_opcheck_with_edge_terms(native, size):
    h, source, target, edge_index = make(*size)
    ops = torch.ops.graphkit
    ptr, rows = ops.group_neighbors(edge_index[1], edge_index[0], size[0], size[0], 0, True)
    other_ptr, other_rows = ops.transpose_neighbors(ptr, rows, size[0])
    row, place, col, other_place = (column.long().contiguous() for t in (rows, other_rows) for column in t.t())
    inputs = tuple(t.requires_grad_() for t in (h, source, target))
    edge = edge_terms(size).requires_grad_()
    grad = torch.randn(size[0], size[2], size[3], dtype=torch.float64, requires_grad=True)
    late = (*inputs, ptr, row, None, None, 1.5, edge, place, None)
    torch.library.opcheck(ops.factor_aggregate.default, late)
    edges = (ptr, row, other_ptr, col, 1.5, edge, place, other_place)
    torch.library.opcheck(ops.factor_aggregate.default, (*inputs, *edges))
    torch.library.opcheck(ops.factor_aggregate_backward.default, (grad, *inputs, *edges))


def test_kernels_refuse_unsound_edge_terms(native):
    h, terms, edge = torch.randn(3, 4), torch.randn(3, 2), torch.randn(2, 2)
    edges = (torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1]), None, None, 1.0)
    place = torch.tensor([0, 1])
    call = torch.ops.graphkit.factor_aggregate
    for wrong in (edge[:1], edge[:, :1], edge.double(), edge[0]):
        with pytest.raises(RuntimeError, match=r"`edge` must be \[E, M\]"):
            call(h, terms, terms, *edges, wrong, place)
    for wrong in (None, place[:1], place + 1, place - 1, place.int(), place[:, None]):
        with pytest.raises(RuntimeError, match="the places must be a contiguous int64 vector"):
            call(h, terms, terms, *edges, edge, wrong)


def test_two_runs_and_any_number_of_threads_give_the_same_bits(native):
    h, source, target, edge_index = make(3000, 20000, 4, 24, False, torch.float32)
    edge = torch.randn(20000, 4)
    weight = torch.randn(3000, 4, 24)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            out = factor_aggregate(h, source, target, edge_index)
            results.append([out, *gradients(lambda *t: factor_aggregate(*t, edge_index), (h, source, target), weight)])
            with_edges = partial(factor_aggregate, h, source, target, edge_index, None, 1.0)
            results[-1] += [with_edges(edge), *gradients(with_edges, (edge,), weight)]
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_edge_terms_need_no_tensor_of_all_edges_factors_and_columns(native):
    size = (50, 2000, 4, 64, False)
    inputs = tuple(t.requires_grad_() for t in (*make(*size, torch.float32)[:3], edge_terms(size, torch.float32)))
    edge_index = make(*size)[-1]
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        factor_aggregate(*inputs[:3], edge_index, edge=inputs[3]).sum().backward()
    allocated = max(event.self_cpu_memory_usage for event in profile.events())
    assert 4 * 50 * 4 * 64 <= allocated < 4 * 2000 * 4 * 64 / 4


def test_nodes_without_in_edges_get_zeros_and_no_gradient():
    h, source, target, _ = make(5, 0, 2, 3, False)
    edge_index = torch.tensor([[0, 1], [1, 1]])
    out = factor_aggregate(h, source, target, edge_index)
    assert torch.equal(out[[0, 2, 3, 4]], torch.zeros(4, 2, 3, dtype=torch.float64))
    grads = gradients(lambda *t: factor_aggregate(*t, edge_index), (h, source, target), torch.ones_like(out))
    assert all(bool((g[2:] == 0).all()) for g in grads)
    assert bool((grads[0][:2] != 0).all())


def test_order_of_edges_layout_and_integer_type_do_not_matter():
    h, source, target, edge_index = make(12, 60, 3, 6, False)
    expected = factor_aggregate(h, source, target, edge_index)
    shuffled = edge_index[:, torch.randperm(60)]
    torch.testing.assert_close(factor_aggregate(h, source, target, shuffled), expected)
    torch.testing.assert_close(factor_aggregate(h, source, target, edge_index.int()), expected)
    strided = torch.stack([edge_index[0], edge_index[1]], dim=1).t()
    assert not strided.is_contiguous()
    parts = [torch.stack([t, t], dim=-1)[..., 0] for t in (h, source, target)]
    assert not any(t.is_contiguous() for t in parts)
    torch.testing.assert_close(factor_aggregate(*parts, strided), expected)
    grads = gradients(lambda *t: factor_aggregate(*t, strided), tuple(parts), torch.ones(()).expand_as(expected))
    reference = gradients(
        lambda *t: factor_aggregate_reference(*t, edge_index, 1.0), (h, source, target), torch.ones_like(expected)
    )
    for ours, other in zip(grads, reference, strict=True):
        torch.testing.assert_close(ours, other)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_served_by_the_reference(dtype):
    h, source, target, edge_index = make(6, 20, 2, 4, False)
    for edge in (None, torch.randn(20, 2, dtype=torch.float64)):
        halves = [None if t is None else t.to(dtype) for t in (h, source, target, edge)]
        out = factor_aggregate(*halves[:3], edge_index, edge=halves[3])
        assert out.dtype == dtype
        expected = factor_aggregate(h, source, target, edge_index, edge=edge)
        torch.testing.assert_close(out.double(), expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_without_a_break(backend):
    h, source, target, edge_index = make(8, 30, 2, 4, False)
    inputs = tuple(t.requires_grad_() for t in (h, source, target))

    def call(h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
        return torch.tanh(factor_aggregate(h, source, target, edge_index, gain=2.0))

    compiled = torch.compile(call, fullgraph=True, backend=backend, dynamic=backend == "aot_eager")
    for edges in (edge_index, edge_index[:, :17]) if backend == "aot_eager" else (edge_index,):
        expected, out = call(*inputs, edges), compiled(*inputs, edges)
        torch.testing.assert_close(out, expected)
        for ours, other in zip(
            torch.autograd.grad(out.sum(), inputs), torch.autograd.grad(expected.sum(), inputs), strict=True
        ):
            torch.testing.assert_close(ours, other)


def test_exports_with_any_number_of_nodes_and_edges():
    class Module(torch.nn.Module):
        def forward(self, h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
            return factor_aggregate(h, source, target, edge_index, gain=2.0)

    nodes, edges = torch.export.Dim("nodes", min=2), torch.export.Dim("edges", min=2)
    shapes = ({0: nodes}, {0: nodes}, {0: nodes}, {1: edges})
    program = torch.export.export(Module(), make(8, 30, 2, 4, False), dynamic_shapes=shapes)
    other = make(11, 50, 2, 4, False)
    torch.testing.assert_close(program.module()(*other), Module()(*other))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"h": torch.ones(4)}, r"`h` must be a float tensor \[N, D\] or \[N, M, D\] \(got torch.float32 of shape"),
        ({"h": torch.ones(4, 3, dtype=torch.long)}, "`h` must be a float tensor"),
        ({"h": torch.ones(4, 3, 5)}, r"as many factors as `source`, 2 \(got torch.float32 of shape \[4, 3, 5\]\)"),
        ({"source": torch.ones(3, 2)}, r"`source` must be \[N, M\] with N = 4"),
        ({"source": torch.ones(4, 0), "target": torch.ones(4, 0)}, "at least one factor"),
        ({"target": torch.ones(4, 1)}, r"`target` must have the shape of `source`, \[4, 2\]"),
        ({"target": torch.ones(4, 2).double()}, "`target` must have the type and device of `h`, torch.float32 on cpu"),
        ({"edge": torch.ones(2, 3)}, r"`edge` must be \[E, M\] with one row for each of the 2 edges and the 2 factors"),
        ({"edge": torch.ones(3, 2)}, r"for each of the 2 edges.*\(got torch.float32 of shape \[3, 2\]\)"),
        ({"edge": torch.ones(2, 2).double()}, "`edge` must have the type and device of `h`"),
        ({"edge": [[1.0]]}, "`edge`"),
        ({"norm": torch.ones(4, 1)}, r"`norm` must be \[N\] with N = 4"),
        ({"edge_index": torch.ones(2, 3)}, r"integer tensor \[2, E\].*got torch.float32 of shape \[2, 3\]"),
        ({"edge_index": torch.ones(3, 2).long()}, r"integer tensor \[2, E\].*shape \[3, 2\]"),
        ({"edge_index": torch.tensor([[0], [4]])}, r"ids from 0 to 3.*\(got ids from 0 to 4\)"),
        ({"edge_index": torch.tensor([[-1], [2]])}, r"ids from 0 to 3.*\(got ids from -1 to 2\)"),
        ({"edge_index": torch.tensor([[4], [2]])}, r"ids from 0 to 3.*\(got ids from 2 to 4\)"),
    ],
)
def test_mistakes_get_one_clear_line(change, message):
    arguments = {
        "h": torch.ones(4, 3),
        "source": torch.ones(4, 2),
        "target": torch.ones(4, 2),
        "edge_index": torch.tensor([[0, 1], [1, 2]]),
        "norm": torch.ones(4),
    }
    with pytest.raises(ValueError, match=message) as error:
        factor_aggregate(**{**arguments, **change})
    assert "\n" not in str(error.value)


def test_edges_that_are_not_sorted_as_they_say():
    h, source, target, _ = make(4, 0, 2, 3, False)
    edge_index = EdgeIndex([[0, 1, 2], [2, 0, 1]], sparse_size=(4, 4), sort_order="col")
    expected = factor_aggregate_reference(h, source, target, edge_index.as_tensor(), 1.0)
    torch.testing.assert_close(factor_aggregate(h, source, target, edge_index), expected)
