import math

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import edge_similarity
from graphkit.ops._edge_measure import ABSOLUTE, DOT, SQUARE, edge_measure, edge_measure_reference

KERNELS = {
    "rbf": {"sigma": 1.7},
    "linear": {},
    "poly": {"c": 0.4, "degree": 3},
    "euclidean": {"negate": True},
    "l1exp": {"scale": 4.0},
}
# Nodes, edges, width. Widths around those of vectors and of blocks of them, in-degrees around what is read together.
SIZES = [
    (7, 20, 1),
    (7, 21, 3),
    (9, 30, 5),
    (30, 200, 16),
    (30, 90, 18),
    (20, 90, 31),
    (20, 90, 64),
    (12, 70, 135),
    (12, 70, 272),
    (2, 700, 13),
    (5, 0, 4),
    (0, 0, 4),
    (4, 9, 0),
]


def make(nodes: int, edges: int, width: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(nodes + edges + width)
    z = torch.randn(nodes, width, generator=generator, dtype=dtype) / max(1, width) ** 0.5
    return z, torch.randint(max(nodes, 1), (2, edges), generator=generator)


def by_hand(z: Tensor, edge_index: Tensor, kernel: str) -> Tensor:
    """The definition, number by number, with the options of KERNELS."""
    scores = []
    for j, i in edge_index.t().tolist():
        pairs = list(zip(z[i].tolist(), z[j].tolist(), strict=True))
        dot, square = sum(x * y for x, y in pairs), sum((x - y) ** 2 for x, y in pairs)
        scores.append(
            {
                "rbf": math.exp(-square / (2 * 1.7**2)),
                "linear": dot,
                "poly": (dot + 0.4) ** 3,
                "euclidean": -square,
                "l1exp": math.exp(-sum(abs(x - y) for x, y in pairs) / 4),
            }[kernel]
        )
    return torch.tensor(scores, dtype=torch.float64)


def gradient(call, z: Tensor, weight: Tensor) -> Tensor:
    z = z.detach().requires_grad_()
    return torch.autograd.grad((call(z) * weight).sum(), z)[0]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
def test_follows_the_definition(size, kernel):
    z, edge_index = make(*size)
    out = edge_similarity(z, edge_index, kernel, **KERNELS[kernel])
    torch.testing.assert_close(out, by_hand(z, edge_index, kernel), rtol=1e-12, atol=1e-12)


def test_worked_example():
    """Four nodes, numbers computed by hand; edges 1->0, 2->0, 0->1, 3->1."""
    z = torch.tensor([[0, 1], [1, 0], [0.5, 0.5], [2, -1]], dtype=torch.float64)
    edge_index = torch.tensor([[1, 2, 0, 3], [0, 0, 1, 1]])
    expected = {
        "euclidean": [2.0, 0.5, 2.0, 2.0],
        "linear": [0.0, 0.5, 0.0, 2.0],
        "poly": [0.0, 0.25, 0.0, 4.0],
        "rbf": [0.367879441171, 0.778800783071, 0.367879441171, 0.367879441171],
        "l1exp": [0.980198673307, 0.990049833749, 0.980198673307, 0.980198673307],
    }
    for kernel, scores in expected.items():
        torch.testing.assert_close(edge_similarity(z, edge_index, kernel), z.new_tensor(scores), rtol=1e-11, atol=0)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 3e-6), (torch.float64, 5e-14)])
@pytest.mark.parametrize("measure", [DOT, SQUARE, ABSOLUTE])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference(native, size, measure, dtype, tolerance):
    """Against float64 in both cases, sorted edges and unsorted ones, forward and backward."""
    z, edge_index = make(*size, dtype)
    weight = torch.randn(edge_index.size(1), generator=torch.Generator().manual_seed(0), dtype=dtype)
    order = torch.argsort(edge_index[1], stable=True)
    expected = edge_measure_reference(z.double(), *edge_index, measure)
    slope = gradient(lambda z: edge_measure_reference(z, *edge_index, measure), z.double(), weight.double())
    for edges, pick in ((edge_index, slice(None)), (edge_index[:, order], order)):
        out = edge_measure(z, *edges, measure)
        ours = gradient(lambda z, e=edges: edge_measure(z, *e, measure), z, weight[pick])
        assert out.dtype == ours.dtype == dtype
        for a, b in ((out.double(), expected[pick]), (ours.double(), slope)):
            scale = float(b.abs().max()) if b.numel() > 0 else 1.0
            torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(scale, 1.0))


def test_reference_is_the_plain_form_however_it_is_cut(monkeypatch):
    z, edge_index = make(30, 200, 16)
    x, weight = z.clone().requires_grad_(), torch.randn(200, dtype=torch.float64)
    expected = (x[edge_index[1]] - x[edge_index[0]]).square().sum(dim=-1)
    slope = torch.autograd.grad((expected * weight).sum(), x)[0]
    for chunk in (16, 16 * 7, 2**20):
        monkeypatch.setattr("graphkit.ops._edge_measure._CHUNK", chunk)
        torch.testing.assert_close(edge_measure_reference(z, *edge_index, SQUARE), expected)
        torch.testing.assert_close(gradient(lambda z: edge_measure_reference(z, *edge_index, SQUARE), z, weight), slope)


@pytest.mark.parametrize("call", [edge_measure, edge_measure_reference])
@pytest.mark.parametrize("measure", [DOT, SQUARE, ABSOLUTE])
def test_gradcheck_once_and_twice(measure, call):
    z, edge_index = make(5, 14, 4)
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: call(z, *edge_index, measure), (z,))
    assert torch.autograd.gradgradcheck(lambda z: call(z, *edge_index, measure), (z,))


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck_of_every_kernel(kernel):
    z, edge_index = make(5, 9, 3)
    call = lambda z: edge_similarity(z, edge_index, kernel, **KERNELS[kernel])  # noqa: E731
    assert torch.autograd.gradcheck(call, (z.requires_grad_(),))
    assert torch.autograd.gradgradcheck(call, (z,))


def test_second_gradient_without_edges_is_zero():
    z = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    out = edge_similarity(z, torch.empty(2, 0, dtype=torch.long))
    (first,) = torch.autograd.grad(out.sum(), z, create_graph=True)
    assert torch.equal(first, torch.zeros_like(first))
    (second,) = torch.autograd.grad(first.sum(), z, allow_unused=True, materialize_grads=True)
    assert torch.equal(second, torch.zeros_like(second))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("measure", [DOT, SQUARE, ABSOLUTE])
@pytest.mark.parametrize("size", [(6, 15, 5), (3, 0, 2)])
def test_opcheck(native, size, measure):
    z, (row, col) = make(*size)
    grad = torch.randn(row.size(0), dtype=torch.float64, requires_grad=True)
    z.requires_grad_()
    torch.library.opcheck(torch.ops.graphkit.edge_similarity.default, (z, row, col, measure))
    torch.library.opcheck(torch.ops.graphkit.edge_similarity_backward.default, (grad, z, row, col, measure))


@pytest.mark.parametrize("is_sorted", [True, False])
def test_two_runs_and_any_number_of_threads_give_the_same_bits(native, is_sorted):
    """One node has most of the edges, so that threads meet in the middle of it."""
    z, edge_index = make(900, 12000, 40, torch.float32)
    edge_index[1, :7000] = 5
    if is_sorted:
        edge_index = edge_index[:, torch.argsort(edge_index[1], stable=True)]
    weight, threads, results = torch.randn(12000), torch.get_num_threads(), []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            out = [edge_measure(z, *edge_index, m) for m in (DOT, SQUARE, ABSOLUTE)]
            slopes = [gradient(lambda z, m=m: edge_measure(z, *edge_index, m), z, weight) for m in (SQUARE, ABSOLUTE)]
            results.append(out + slopes)
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_no_tensor_per_edge_and_feature(native):
    """The largest thing that the profiler sees is the gradient; that of edges and features would be 64 times it."""
    z, edge_index = make(100, 6400, 256, torch.float32)
    z.requires_grad_()
    with torch.profiler.profile(profile_memory=True) as profile:
        edge_similarity(z, edge_index).sum().backward()
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert z.nbytes <= largest < 4 * z.nbytes


def test_nodes_without_edges_get_no_gradient():
    z, _ = make(5, 0, 3)
    slope = gradient(lambda z: edge_similarity(z, torch.tensor([[0, 1], [1, 1]])), z, torch.ones(2))
    assert bool((slope[:2].abs().sum(dim=1) > 0).all())
    assert torch.equal(slope[2:], torch.zeros(3, 3, dtype=torch.float64))


def test_a_loop_is_as_similar_as_can_be():
    z, _ = make(3, 0, 20)
    loops = torch.tensor([[0, 1, 2], [0, 1, 2]])
    assert torch.equal(edge_similarity(z, loops), torch.ones(3, dtype=torch.float64))
    assert torch.equal(gradient(lambda z: edge_similarity(z, loops), z, torch.ones(3)), torch.zeros_like(z))
    torch.testing.assert_close(gradient(lambda z: edge_similarity(z, loops, "linear"), z, torch.ones(3)), 2 * z)


@pytest.mark.parametrize("width", [3, 18, 40])
def test_nan_and_overflow_stay_where_they_are(width):
    z, edge_index = make(6, 30, width, torch.float32)
    z[3, -1], z[4, 0] = math.nan, 1e30
    out = edge_similarity(z, edge_index)
    touched = (edge_index == 3).any(dim=0)
    assert bool(touched.any()) and torch.equal(out.isnan(), touched)
    far = (edge_index == 4).sum(dim=0) == 1
    assert bool((out[far & ~touched] == 0).all())


def test_layout_and_integer_type_do_not_matter():
    z, edge_index = make(12, 60, 18)
    expected = edge_similarity(z, edge_index)
    torch.testing.assert_close(edge_similarity(z, edge_index.int()), expected)
    strided = torch.stack([edge_index[0], edge_index[1]], dim=1).t()
    wide = torch.stack([z, z], dim=-1)[..., 0]
    assert not strided.is_contiguous() and not wide.is_contiguous()
    torch.testing.assert_close(edge_similarity(wide, strided), expected)
    ones = torch.ones((), dtype=z.dtype).expand(60)
    torch.testing.assert_close(
        gradient(lambda z: edge_similarity(z, strided), wide, ones),
        gradient(lambda z: edge_similarity(z, edge_index), z, ones),
    )
    by_target, order = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col")
    torch.testing.assert_close(edge_similarity(z, by_target), expected[order])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    z, edge_index = make(6, 20, 300)
    z = (50 * z).to(dtype).requires_grad_()
    out = edge_similarity(z, edge_index, "l1exp", scale=1000.0)
    assert out.dtype == dtype
    expected = edge_similarity(z.float(), edge_index, "l1exp", scale=1000.0)
    assert torch.equal(out, expected.to(dtype))
    assert torch.autograd.grad(out.sum(), z)[0].dtype == dtype


def test_compiles_without_a_break():
    z, edge_index = make(8, 30, 5)
    z.requires_grad_()

    def call(z: Tensor, edge_index: Tensor) -> Tensor:
        return torch.tanh(edge_similarity(z, edge_index, sigma=0.7))

    compiled = torch.compile(call, fullgraph=True, backend="aot_eager", dynamic=True)
    for edges in (edge_index, edge_index[:, :17]):
        expected, out = call(z, edges), compiled(z, edges)
        torch.testing.assert_close(out, expected)
        ours, other = torch.autograd.grad(out.sum(), z), torch.autograd.grad(expected.sum(), z)
        torch.testing.assert_close(ours, other)


def test_exports_with_any_number_of_nodes_and_edges():
    class Module(torch.nn.Module):
        def forward(self, z: Tensor, edge_index: Tensor) -> Tensor:
            return edge_similarity(z, edge_index)

    shapes = ({0: torch.export.Dim("nodes", min=2)}, {1: torch.export.Dim("edges", min=2)})
    program = torch.export.export(Module(), make(8, 30, 5), dynamic_shapes=shapes)
    other = make(11, 50, 5)
    torch.testing.assert_close(program.module()(*other), Module()(*other))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"z": torch.ones(4)}, r"`z` must be a float tensor \[N, D\] \(got torch.float32 of shape \[4\]\)"),
        ({"z": torch.ones(4, 3, dtype=torch.long)}, "`z` must be a float tensor"),
        ({"edge_index": torch.ones(2, 3)}, r"integer tensor \[2, E\].*got torch.float32 of shape \[2, 3\]"),
        ({"edge_index": torch.ones(2, 3, dtype=torch.long, device="meta")}, "device of the features, cpu"),
        ({"edge_index": torch.tensor([[0], [4]])}, r"ids from 0 to 3.*\(got ids from 0 to 4\)"),
        ({"edge_index": torch.tensor([[-1], [2]])}, r"ids from 0 to 3.*\(got ids from -1 to 2\)"),
        ({"kernel": "gauss"}, r"`kernel` must be one of 'rbf', 'linear', .* \(got 'gauss'\)"),
        ({"sigma": 0.0}, r"`sigma` must be greater than 0 and finite \(got 0.0\)"),
        ({"scale": math.inf}, r"`scale` must be greater than 0 and finite \(got inf\)"),
        ({"c": math.nan}, r"`c` must be finite \(got nan\)"),
        ({"degree": 2.0}, r"`degree` must be a whole number of at least 1 \(got 2.0\)"),
        ({"degree": 0}, "`degree` must be a whole number"),
    ],
)
def test_mistakes_get_one_clear_line(change, message):
    arguments = {"z": torch.ones(4, 3), "edge_index": torch.tensor([[0, 1], [1, 2]])}
    with pytest.raises(ValueError, match=message) as error:
        edge_similarity(**{**arguments, **change})
    assert "\n" not in str(error.value)
