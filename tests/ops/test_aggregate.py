import copy
import math
import pickle

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import StdAggregation
from torch_geometric.utils import scatter

from graphkit.ops import aggregate
from graphkit.ops._neighbors import DROP, KEEP, REPLACE, Neighbors, group_neighbors
from graphkit.ops.aggregate import aggregate_reference, max_over, sum_over

REDUCTIONS = ["sum", "mean", "max", "min", "softmax", "std"]
HALVES = [torch.bfloat16, torch.float16]
UNWEIGHTED = ("max", "min", "std")  # natively
# Sources, targets, edges, heads (0: none), width. Widths around those of vectors.
SIZES = [
    (7, 7, 20, 0, 1),
    (7, 5, 20, 2, 3),
    (5, 9, 30, 0, 5),
    (30, 30, 200, 4, 8),
    (30, 20, 200, 0, 18),
    (30, 30, 200, 3, 31),
    (20, 20, 90, 0, 64),
    (20, 20, 90, 0, 100),
    (2, 2, 700, 3, 13),
    (5, 5, 0, 0, 4),
    (0, 0, 0, 2, 4),
    (3, 0, 0, 0, 4),
    (4, 4, 9, 0, 0),
]


def make(
    sources: int, targets: int, edges: int, heads: int, width: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns features, weights and edges; features of few values, so that maxima are shared."""
    generator = torch.Generator().manual_seed(sources + edges + width)
    shape = (sources, heads, width) if heads else (sources, width)
    x = torch.randn(shape, generator=generator, dtype=dtype).mul(4).round().div(4)
    weight = torch.randn((edges, heads) if heads else (edges,), generator=generator, dtype=dtype)
    ends = [torch.randint(max(n, 1), (edges,), generator=generator) for n in (sources, targets)]
    return x, weight, torch.stack(ends)


def by_hand(x: Tensor, weight: Tensor | None, edge_index: Tensor, reduce: str, targets: int) -> Tensor:
    """The definition, node by node."""
    out = x.new_zeros(targets, *x.shape[1:])
    if reduce == "softmax":
        weight, reduce = weight.clone(), "sum"
        for i in range(targets):
            weight[edge_index[1] == i] = weight[edge_index[1] == i].softmax(0)
    for i in range(targets):
        messages = []
        for e, (j, k) in enumerate(edge_index.t().tolist()):
            if k == i:
                factor = 1.0 if weight is None else weight[e].view(-1, *[1] * (x.dim() - 1 - weight[e].dim()))
                messages.append((factor * x[j]).view(x.shape[1:]))
        if messages:
            rows = torch.stack(messages)
            if reduce == "std":
                variance = (rows - rows.mean(dim=0)).square().mean(dim=0)
                out[i] = torch.where(variance > 1e-5, variance.sqrt(), 0)
            else:
                out[i] = getattr(rows, f"a{reduce}" if reduce in ("max", "min") else reduce)(dim=0)
    return out


def gradients(call, tensors: tuple[Tensor, ...], factor: Tensor) -> list[Tensor]:
    tensors = tuple(t.detach().requires_grad_() for t in tensors)
    return list(torch.autograd.grad((call(*tensors) * factor).sum(), tensors))


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_reference_and_operator_follow_the_definition(size, weighted, reduce):
    x, weight, edge_index = make(*size)
    given = weight if weighted or reduce == "softmax" else None
    expected = by_hand(x, given, edge_index, reduce, size[1])
    out = aggregate(x, edge_index, given, reduce, size[:2])
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    out = aggregate_reference(x, edge_index, given, reduce, size[1])
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-14)])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference(native, size, dtype, tolerance, reduce):
    x, weight, edge_index = make(*size, dtype)
    tensors = (x,) if reduce in UNWEIGHTED else (x, weight)
    factor = torch.randn(size[1], *x.shape[1:], dtype=dtype)
    results = []
    for call, t in ((aggregate, dtype), (aggregate_reference, torch.float64)):
        last = size[:2] if call is aggregate else size[1]
        inputs = tuple(tensor.to(t) for tensor in tensors)

        def run(x, weight=None, c=call, last=last):
            return c(x, edge_index, weight, reduce, last)

        results.append([run(*inputs), *gradients(run, inputs, factor.to(t))])
    for ours, reference in zip(*results, strict=True):
        assert ours.dtype == dtype
        scale = float(reference.abs().max()) if reference.numel() > 0 else 1.0
        torch.testing.assert_close(ours.double(), reference, rtol=0, atol=tolerance * max(scale, 1.0))


def test_one_weight_per_edge_serves_all_heads():
    x, weight, edge_index = make(9, 9, 40, 3, 5)
    out = aggregate(x, edge_index, weight[:, 0])
    torch.testing.assert_close(out, aggregate(x, edge_index, weight[:, :1].expand(-1, 3)))


def test_maxima_share_their_gradient_as_in_pyg():
    x, _, edge_index = make(6, 6, 40, 0, 3)
    x = x.relu() + 1  # PyTorch gives a part of the gradient to its initial number, 0, if that is the maximum
    for reduce in ("max", "min"):
        ours = gradients(lambda x, r=reduce: aggregate(x, edge_index, reduce=r), (x,), torch.ones(6, 3).double())
        theirs = gradients(
            lambda x, r=reduce: scatter(x[edge_index[0]], edge_index[1], 0, 6, r), (x,), torch.ones(6, 3).double()
        )
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_standard_deviation_and_gradient_are_those_of_pyg(shift):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 5, generator=generator, dtype=torch.float64) + shift
    x[:, 2] *= 1e-3  # variances below the least
    edge_index = torch.randint(30, (2, 90), generator=generator)
    factor = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    ours = lambda x: aggregate(x, edge_index, reduce="std")  # noqa: E731
    theirs = lambda x: StdAggregation()(x[edge_index[0]], edge_index[1], dim_size=30)  # noqa: E731
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients(ours, (x,), factor), gradients(theirs, (x,), factor), rtol=1e-9, atol=1e-9)
    large = (x.float() + 1e4).requires_grad_()  # squares of these cancel
    out = aggregate(large, edge_index, reduce="std")
    expected = aggregate(large.detach().double(), edge_index, reduce="std")
    torch.testing.assert_close(out.double(), expected, rtol=1e-2, atol=5e-3)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_nan_stays_where_it_is(reduce):
    x, weight, edge_index = make(6, 6, 30, 0, 4)
    x[3, 1] = math.nan
    out = aggregate(x, edge_index, weight if reduce == "softmax" else None, reduce)
    hit = torch.zeros(6, 4, dtype=torch.bool)
    hit[edge_index[1, edge_index[0] == 3], 1] = True
    assert bool(hit.any()) and torch.equal(out.isnan(), hit)


@pytest.mark.parametrize("heads", [0, 2])
@pytest.mark.parametrize("reduce", ["sum", "mean", "softmax"])
def test_gradcheck_once_and_twice(reduce, heads):
    x, weight, edge_index = make(5, 4, 14, heads, 3)
    inputs = (x.requires_grad_(), weight.requires_grad_())

    def call(x: Tensor, weight: Tensor) -> Tensor:
        return aggregate(x, edge_index, weight, reduce, (5, 4))

    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("reduce", ["max", "min", "std"])
def test_gradcheck_of_distinct_features(reduce):
    x = torch.randperm(15).double().view(5, 3).requires_grad_()
    edge_index = make(5, 4, 14, 0, 3)[2]
    assert torch.autograd.gradcheck(lambda x: aggregate(x, edge_index, None, reduce, (5, 4)), (x,))
    assert torch.autograd.gradgradcheck(lambda x: aggregate(x, edge_index, None, reduce, (5, 4)), (x,))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("size", [(6, 5, 15, 2, 4), (3, 3, 0, 1, 2)])
def test_opcheck(native, size):
    x, weight, edge_index = make(*size)
    ops, (sources, targets) = torch.ops.graphkit, size[:2]
    for loops, places in ((KEEP, False), (DROP, True), (REPLACE, True)):
        given = (edge_index[1], edge_index[0], targets, sources, loops, places)
        torch.library.opcheck(ops.group_neighbors.default, given)
    one_way = group_neighbors(edge_index, sources, targets, both_ways=False, places=True)
    torch.library.opcheck(ops.transpose_neighbors.default, (*one_way[:2], sources))
    other = ops.transpose_neighbors(*one_way[:2], sources)
    both = (*one_way[:2], *other)
    grad = torch.randn(targets, *x.shape[1:], dtype=torch.float64, requires_grad=True)
    x, weight = x.requires_grad_(), weight.requires_grad_()
    by_source, by_target = torch.rand(sources).double(), torch.rand(targets).double()
    for edges in (one_way, both):
        torch.library.opcheck(ops.aggregate_sum.default, (x, weight, by_source, by_target, 0.0, *edges))
        torch.library.opcheck(ops.aggregate_sum.default, (x, None, None, None, 0.0, *edges))
        torch.library.opcheck(ops.aggregate_max.default, (x, *edges, True))
        torch.library.opcheck(ops.aggregate_variance.default, (x, *edges))
    deviation = (grad, grad.detach().clone().requires_grad_(), x, *other, *one_way[:2])
    torch.library.opcheck(ops.aggregate_deviation.default, deviation)
    for back in (False, True):
        torch.library.opcheck(ops.move_rows.default, (weight, one_way.rows, back))
    for dtype in (torch.float16, torch.bfloat16):
        narrow, wide = x.detach().to(dtype).requires_grad_(), weight.detach().float().requires_grad_()
        scales = (by_source.float(), by_target.float())
        torch.library.opcheck(ops.aggregate_sum.default, (narrow, wide, *scales, 0.0, *both))
        torch.library.opcheck(ops.aggregate_max.default, (narrow, *both, True))
        torch.library.opcheck(ops.aggregate_dot.default, (grad.detach().to(dtype), narrow, *scales, *both))
    torch.library.opcheck(ops.aggregate_dot.default, (grad, x, by_source, by_target, *both))
    torch.library.opcheck(ops.aggregate_match.default, (grad, grad.detach(), x.detach(), *other, *one_way[:2]))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_two_runs_and_any_number_of_threads_give_the_same_bits(native, reduce):
    x, weight, edge_index = make(3000, 3000, 20000, 0, 24, torch.float32)
    tensors = (x,) if reduce in UNWEIGHTED else (x, weight)
    factor = torch.randn(3000, 24)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)

            def call(x, weight=None):
                return aggregate(x, edge_index, weight, reduce)

            results.append([call(*tensors), *gradients(call, tensors, factor)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_order_of_edges_layout_and_integer_type_do_not_matter(reduce):
    x, weight, edge_index = make(12, 12, 60, 2, 6)
    expected = aggregate(x, edge_index, weight, reduce)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(aggregate(x, edge_index[:, order], weight[order], reduce), expected)
    torch.testing.assert_close(aggregate(x, edge_index.int(), weight, reduce), expected)
    strided = torch.stack([edge_index[0], edge_index[1]], dim=1).t()
    parts = [torch.stack([t, t], dim=-1)[..., 0] for t in (x, weight)]
    torch.testing.assert_close(aggregate(parts[0], strided, parts[1], reduce), expected)


@pytest.mark.parametrize("sort_order", [None, "row", "col"])
def test_edge_index_is_grouped_once_and_anew_after_a_change(native, sort_order):
    x, weight, plain = make(9, 9, 50, 0, 4)
    if sort_order:
        plain = plain[:, torch.sort(plain[int(sort_order == "col")], stable=True).indices]
    edge_index = EdgeIndex(plain.clone(), sparse_size=(9, 9), sort_order=sort_order)
    for _ in range(2):
        for given in (weight, None):
            torch.testing.assert_close(aggregate(x, edge_index, given), aggregate(x, plain, given))
    first = group_neighbors(edge_index, 9, 9, both_ways=False)
    assert group_neighbors(edge_index, 9, 9, both_ways=True).ptr is first.ptr
    assert group_neighbors(edge_index, 9, 9, both_ways=False).other_ptr is not None
    assert group_neighbors(edge_index, 9, 12, both_ways=False).ptr.numel() == 13
    edge_index.as_tensor()[0] = 0
    torch.testing.assert_close(aggregate(x, edge_index, weight), aggregate(x, edge_index.as_tensor().clone(), weight))


def test_edges_changed_in_place_or_at_the_address_of_others_are_grouped_anew():
    x, weight, edge_index = make(9, 9, 50, 0, 4)
    aggregate(x, edge_index, weight)
    edge_index.numpy()[0] = 3  # which no version counter shows
    expected = by_hand(x, weight, edge_index, "sum", 9)
    torch.testing.assert_close(aggregate(x, edge_index, weight), expected)
    for seed in range(20):  # each tensor is freed: the next one often has its address
        edges = torch.randint(9, (2, 50), generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(aggregate(x, edges, weight), by_hand(x, weight, edges, "sum", 9))


def test_groups_are_those_of_the_object_and_not_of_pyg_or_a_copy(native):
    x, weight, edge_index = make(9, 9, 50, 0, 4)
    edge_index = edge_index[:, edge_index[1].argsort(stable=True)]
    edges = EdgeIndex(edge_index.clone(), sparse_size=(9, 9), sort_order="col").fill_cache_()
    edges.as_tensor()[1, -1] = edges.as_tensor()[1, -2]  # still sorted; PyG's pointers are those of before
    edges.as_tensor()[1, 0] = 0
    expected = by_hand(x, weight, edges.as_tensor(), "sum", 9)
    torch.testing.assert_close(aggregate(x, edges, weight), expected)
    for other in (copy.deepcopy(edges), edges.clone(), pickle.loads(pickle.dumps(edges)), edges.sort_by("row").values):
        other.as_tensor()[0] = 5
        torch.testing.assert_close(aggregate(x, other, weight), by_hand(x, weight, other.as_tensor(), "sum", 9))
        torch.testing.assert_close(aggregate(x, edges, weight), by_hand(x, weight, edges.as_tensor(), "sum", 9))
    with torch.inference_mode():  # tensors without a version
        edges = EdgeIndex(edge_index.clone(), sparse_size=(9, 9))
        aggregate(x, edges, weight)
        edges.as_tensor()[0] = 5
        torch.testing.assert_close(aggregate(x, edges, weight), by_hand(x, weight, edges.as_tensor(), "sum", 9))


def loops_of(neighbors: Neighbors) -> list[tuple[int, ...]]:
    owners = torch.repeat_interleave(torch.arange(neighbors.ptr.numel() - 1), neighbors.degrees())
    return [(i, *row) for i, row in zip(owners.tolist(), neighbors.rows.tolist(), strict=False)]


@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("targets", [3, 6])
def test_loops_are_kept_dropped_or_replaced(native, targets, places):
    edge_index = torch.tensor([[1, 0, 4, 1, 2], [1, 2, 2, 1, 0]])
    edges = list(enumerate(edge_index.t().tolist()))
    kept = sorted((i, j, e) for e, (j, i) in edges)
    others = [row for row in kept if row[0] != row[1]]
    loops = [(i, i, 5 + i) for i in range(min(targets, 5))]
    for mode, expected in ((KEEP, kept), (DROP, others), (REPLACE, sorted(others + loops))):
        expected = [row if places else row[:2] for row in expected]
        assert sorted(loops_of(group_neighbors(edge_index, 5, targets, False, mode, places))) == expected


def test_scales_and_loops_of_nodes(native):
    x, weight, edge_index = make(6, 6, 30, 2, 3)
    source, target = torch.rand(6).double(), torch.rand(6).double()
    neighbors = group_neighbors(edge_index, 6, 6, both_ways=False, places=True)

    def ours(x, weight):
        return sum_over(x, neighbors, weight, source, target, loop=0.5)

    def theirs(x, weight):
        scaled = x * source[:, None, None]
        return (aggregate_reference(scaled, edge_index, weight, "sum", 6) + 0.5 * scaled) * target[:, None, None]

    torch.testing.assert_close(ours(x, weight), theirs(x, weight))
    factor = torch.randn(6, 2, 3).double()
    torch.testing.assert_close(gradients(ours, (x, weight), factor), gradients(theirs, (x, weight), factor))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("size", SIZES[2:7])
def test_half_precision_is_rounded_once(native, size, reduce, dtype):
    x, weight, edge_index = make(*size)
    x, weight = x.to(dtype), weight.to(dtype)
    tensors = (x,) if reduce in UNWEIGHTED else (x, weight)
    factor = torch.randn(size[1], *x.shape[1:]).to(dtype)
    results = []
    for kind in (dtype, torch.float64):

        def run(x, weight=None):
            return aggregate(x, edge_index, weight, reduce, size[:2])

        inputs = tuple(t.to(kind) for t in tensors)
        results.append([run(*inputs), *gradients(run, inputs, factor.to(kind))])
    # The gradient of a result passes through roundings of its own: those of the result's gradient, and of the count.
    rounding = torch.finfo(dtype).eps
    for k, (ours, expected) in enumerate(zip(*results, strict=True)):
        assert ours.dtype == dtype
        tolerance = rounding if k == 0 else 4 * rounding
        torch.testing.assert_close(
            ours.double(), expected, rtol=tolerance, atol=tolerance * float(expected.abs().max())
        )


@pytest.mark.parametrize("dtype", HALVES)
def test_every_half_number_is_read_and_written(native, dtype):
    x = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype).view(-1, 64)
    nodes = torch.arange(x.size(0))
    out = aggregate(x, torch.stack([nodes, nodes]))
    assert torch.equal(out.isnan(), x.isnan()) and torch.equal(out[~x.isnan()], x[~x.isnan()])
    other = x.view(-1)[torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0))].view_as(x)
    both = aggregate(torch.cat([x, other]), torch.stack([torch.arange(2 * nodes.numel()), nodes.repeat(2)]), size=None)
    expected = (x.float() + other.float()).to(dtype)
    torch.testing.assert_close(both[: nodes.numel()], expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_sums_are_accumulated_in_float32(dtype):
    edges = torch.stack([torch.zeros(1000, dtype=torch.int64), torch.ones(1000, dtype=torch.int64)])
    assert aggregate(torch.ones(2, 3, dtype=dtype), edges)[1].tolist() == [1000.0] * 3
    assert aggregate(torch.ones(2, 3, dtype=dtype), edges, torch.ones(1000, dtype=dtype))[1].tolist() == [1000.0] * 3


@pytest.mark.extended
@pytest.mark.parametrize("reduce", ["mean", "max", "softmax", "std"])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_without_a_break(backend, reduce):
    torch._dynamo.reset()  # one code object for all cases, whose number of compilations is limited
    x, weight, edge_index = make(8, 8, 30, 2, 4)
    x, weight = x.requires_grad_(), weight.requires_grad_()

    def call(x: Tensor, weight: Tensor, edge_index: Tensor) -> Tensor:
        return torch.tanh(aggregate(x * weight.sum(), edge_index, None if reduce in UNWEIGHTED else weight, reduce))

    compiled = torch.compile(call, fullgraph=True, backend=backend, dynamic=backend == "aot_eager")
    for count in (30, 17) if backend == "aot_eager" else (30,):
        edges = edge_index[:, :count]
        given = weight[:count].detach().requires_grad_()
        expected, out = call(x, given, edges), compiled(x, given, edges)
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(
            torch.autograd.grad(out.sum(), (x, given)), torch.autograd.grad(expected.sum(), (x, given))
        )


@pytest.mark.parametrize("reduce", ["sum", "max", "softmax", "std"])
def test_exports_with_any_number_of_nodes_and_edges(reduce):
    class Module(torch.nn.Module):
        def forward(self, x: Tensor, weight: Tensor, edge_index: Tensor) -> Tensor:
            return aggregate(x, edge_index, None if reduce in UNWEIGHTED else weight, reduce)

    nodes, edges = torch.export.Dim("nodes", min=2), torch.export.Dim("edges", min=2)
    shapes = ({0: nodes}, {0: edges}, {1: edges})
    program = torch.export.export(Module(), make(8, 8, 30, 0, 4), dynamic_shapes=shapes)
    other = make(11, 11, 50, 0, 4)
    torch.testing.assert_close(program.module()(*other), Module()(*other))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": torch.ones(4)}, r"`x` must be a float tensor \[N, C\] or \[N, H, C\] \(got torch.float32 of shape"),
        ({"x": torch.ones(4, 3, dtype=torch.long)}, "`x` must be a float tensor"),
        ({"weight": torch.ones(3)}, r"`weight` must be \[E\] with E = 2 edges \(got torch.float32 of shape \[3\]\)"),
        ({"x": torch.ones(4, 2, 3), "weight": torch.ones(2, 3)}, r"\[E\] or \[E, H\] = \[2, 2\]"),
        ({"weight": torch.ones(2).double()}, "`weight` must have the type and device of `x`, torch.float32 on cpu"),
        ({"edge_index": torch.ones(2, 3)}, r"integer tensor \[2, E\].*got torch.float32 of shape \[2, 3\]"),
        ({"edge_index": torch.tensor([[0, 0], [1, 4]])}, r"`edge_index\[1\]`.*from 0 to 3.*\(got ids from 1 to 4\)"),
        ({"edge_index": torch.tensor([[-1, 0], [2, 2]])}, r"`edge_index\[0\]`.*\(got ids from -1 to 0\)"),
        ({"size": (4, 2)}, r"`edge_index\[1\]` must hold node ids from 0 to 1"),
        ({"size": (3, 4)}, r"`size` must begin with the number of rows of `x`, 4 \(got 3\)"),
        ({"size": 4}, "`size` must be two numbers"),
        ({"reduce": "median"}, r"`reduce` must be 'sum', 'mean', 'max', 'min', 'softmax' or 'std' \(got 'median'\)"),
        ({"reduce": "softmax", "weight": None}, r"`weight` must hold the scores of a softmax \(got None\)"),
    ],
)
def test_mistakes_get_one_clear_line(change, message):
    arguments = {"x": torch.ones(4, 3), "edge_index": torch.tensor([[0, 1], [1, 2]]), "weight": torch.ones(2)}
    with pytest.raises(ValueError, match=message) as error:
        aggregate(**{**arguments, **change})
    assert "\n" not in str(error.value)


def test_kernels_refuse_unsound_edges(native):
    ops, x = torch.ops.graphkit, torch.randn(3, 1, 4)
    for ptr, rows in (([0, 2, 1, 2], [[0, 0], [1, 1]]), ([1, 1, 2, 2], [[0, 0], [1, 1]]), ([0, 2, 3, 3], [[0, 0]])):
        with pytest.raises(RuntimeError, match="`ptr` must rise from 0"):
            max_over(x, Neighbors(torch.tensor(ptr), torch.tensor(rows, dtype=torch.int32)))
    for row in ([3, 0], [-1, 0], [0, 1], [0, -1], [3], [-1]):
        neighbors = Neighbors(torch.tensor([0, 1, 1, 1]), torch.tensor([row], dtype=torch.int32))
        with pytest.raises(RuntimeError, match="an edge names a node or place that does not exist"):
            sum_over(x, neighbors)
    neighbors = group_neighbors(torch.tensor([[0], [1]]), 3, 3, both_ways=False)
    with pytest.raises(RuntimeError, match="weights need the places of the edges"):
        sum_over(x, neighbors, x.new_ones(1, 1))
    with pytest.raises(RuntimeError, match="an edge names a node that does not exist"):
        ops.group_neighbors(torch.tensor([0]), torch.tensor([3]), 3, 3, KEEP, True)
