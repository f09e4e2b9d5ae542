import math

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import edge_similarity, local_structure_divergence
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference

DIRECTIONS = ("student_teacher", "teacher_student")
# The worked example: four nodes, nine edges, computed by formula in float64; divided by the number of nodes.
EDGES = torch.tensor([[1, 2, 0, 2, 3, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2, 2, 3, 3]])
TEACHER = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 2, 0], [1, 1, 1]], dtype=torch.float64)
STUDENT = torch.tensor([[0, 1], [1, 0], [0.5, 0.5], [2, -1]], dtype=torch.float64)
EXPECTED = {
    "euclidean": (0.997799158, 0.851234099),
    "linear": (0.187356000, 0.204887794),
    "poly": (0.818410424, 1.030131745),
    "rbf": (0.029511052, 0.028665118),
    "l1exp": (2.26977e-5, 2.26745e-5),
}


def make(nodes: int, edges: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(nodes + edges)
    student = torch.randn(nodes, 5, generator=generator, dtype=dtype)
    teacher = torch.randn(nodes, 9, generator=generator, dtype=dtype)
    return student, teacher, torch.randint(max(nodes, 1), (2, edges), generator=generator)


def by_hand(student: Tensor, teacher: Tensor, edge_index: Tensor, **options: float) -> Tensor:
    """The definition, node by node."""
    scores = [edge_similarity(z, edge_index, **options) for z in (student, teacher)]
    out = []
    for i in range(student.size(0)):
        s, t = (torch.log_softmax(score[edge_index[1] == i], dim=0) for score in scores)
        out.append((s.exp() * (s - t)).sum())
    return torch.stack(out)


@pytest.mark.parametrize("kernel", EXPECTED)
def test_worked_example(kernel):
    for direction, expected in zip(DIRECTIONS, EXPECTED[kernel], strict=True):
        loss = local_structure_divergence(STUDENT, TEACHER, EDGES, kernel, direction=direction)
        assert float(loss) == pytest.approx(expected, rel=5e-6 if kernel == "l1exp" else 2e-8)


def test_worked_example_in_float32():
    """Two nearly uniform structures: written with probabilities in float32, the sum would lose a digit in ten."""
    for direction, expected in zip(DIRECTIONS, EXPECTED["l1exp"], strict=True):
        loss = local_structure_divergence(STUDENT.float(), TEACHER.float(), EDGES, "l1exp", direction=direction)
        assert loss.dtype == torch.float32
        assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_union_of_two_graphs():
    """Neighbors on a line, one for each node and network: the edges of either count once in both structures."""
    teacher = torch.tensor([[0], [1], [3], [7]], dtype=torch.float64)
    student = torch.tensor([[0], [5], [1], [5.5]], dtype=torch.float64)
    edge_index = torch.tensor([[0, 1, 1, 2, 0, 1, 2, 3], [1, 0, 2, 3, 2, 3, 0, 1]])
    for direction, expected in zip(DIRECTIONS, (0.146931492, 0.150993744), strict=True):
        loss = local_structure_divergence(student, teacher, edge_index, direction=direction)
        assert float(loss) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("nodes, edges", [(7, 30), (40, 90), (3, 500)])
def test_follows_the_definition(nodes, edges):
    student, teacher, edge_index = make(nodes, edges)
    expected = by_hand(student, teacher, edge_index, sigma=2.0)
    call = lambda **options: local_structure_divergence(student, teacher, edge_index, sigma=2.0, **options)  # noqa: E731
    in_degree = torch.bincount(edge_index[1], minlength=nodes)
    torch.testing.assert_close(call(reduction="none"), expected)
    torch.testing.assert_close(call(), expected.mean())
    torch.testing.assert_close(call(reduction="edge_mean"), expected.sum() / edges)
    torch.testing.assert_close(call(reduction="branching"), expected.sum() / int((in_degree > 1).sum()))
    torch.testing.assert_close(
        call(direction="teacher_student", reduction="none"), by_hand(teacher, student, edge_index, sigma=2.0)
    )


def test_nodes_with_one_edge_or_none_have_nothing_to_compare():
    student, teacher, _ = make(6, 0)
    edge_index = torch.tensor([[0, 1, 2, 5], [1, 2, 3, 3]])
    parts = local_structure_divergence(student, teacher, edge_index, reduction="none")
    assert torch.equal(parts[[0, 1, 2, 4, 5]], torch.zeros(5, dtype=torch.float64)) and float(parts[3]) > 0
    total = local_structure_divergence(student, teacher, edge_index, reduction="branching")
    torch.testing.assert_close(total, parts[3])


@pytest.mark.parametrize("reduction", ["nodes", "branching", "edge_mean"])
@pytest.mark.parametrize("nodes", [0, 3])
def test_without_edges_it_is_zero(nodes, reduction):
    student, teacher, edge_index = make(nodes, 0)
    student.requires_grad_()
    loss = local_structure_divergence(student, teacher, edge_index, reduction=reduction)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(student.grad, torch.zeros_like(student))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_and_not_negative_however_unlike(dtype):
    """Scores thousands apart: the probabilities are 0 and 1 to the last bit, the divergence is their difference."""
    student = torch.tensor([[0.0], [100.0], [0.0]], dtype=dtype, requires_grad=True)
    teacher = torch.tensor([[0.0], [0.0], [100.0]], dtype=dtype, requires_grad=True)
    edge_index = torch.tensor([[1, 2], [0, 0]])
    loss = local_structure_divergence(student, teacher, edge_index, "euclidean", reduction="none")
    torch.testing.assert_close(loss.detach(), torch.tensor([1e4, 0, 0], dtype=dtype))
    loss.sum().backward()
    assert bool(student.grad.isfinite().all() and teacher.grad.isfinite().all())
    assert float(teacher.grad.abs().sum()) > 0


def test_equal_structures_have_no_divergence_and_no_gradient():
    """A student that is the teacher turned around, at a distance."""
    student, _, edge_index = make(30, 200)
    teacher = torch.cat([-student.flip(1) + 3, student.new_zeros(30, 2)], dim=1)
    student.requires_grad_()
    loss = local_structure_divergence(student, teacher, edge_index, sigma=2.0)
    assert abs(loss.item()) < 1e-14
    assert float(torch.autograd.grad(loss, student)[0].abs().max()) < 1e-14


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("sizes", [[3, 1, 0, 8, 17, 2, 0], [700], [0, 0], [], [16, 15, 9, 7, 5, 4]])
def test_native_equals_reference(native, sizes, dtype, tolerance):
    """The reference computes in float64 too, so that both see the same rounded scores."""
    ptr = torch.tensor([0, *sizes]).cumsum(dim=0)
    target = torch.repeat_interleave(torch.arange(len(sizes)), ptr.diff())
    generator = torch.Generator().manual_seed(sum(sizes))
    p, q = ((4 * torch.randn(sum(sizes), generator=generator, dtype=dtype)).requires_grad_() for _ in range(2))
    grad = torch.randn(len(sizes), generator=generator, dtype=dtype)
    ours = torch.ops.graphkit.local_structure_divergence(p, q, ptr)
    expected = local_structure_divergence_reference(p, q, target, len(sizes))
    torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)
    slopes = (torch.autograd.grad(out, (p, q), grad) for out in (ours, expected))
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_gradcheck_once_and_twice_to_both_networks(direction):
    student, teacher, edge_index = make(5, 14)
    inputs = (student.requires_grad_(), teacher.requires_grad_())
    call = lambda s, t: local_structure_divergence(s, t, edge_index, direction=direction, sigma=2.0)  # noqa: E731
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("ptr", [[0, 3, 3, 4, 9], [0, 0], [0]])
def test_opcheck(native, ptr):
    ptr = torch.tensor(ptr)
    p, q = (torch.randn(int(ptr[-1]), dtype=torch.float64, requires_grad=True) for _ in range(2))
    grad = torch.randn(ptr.numel() - 1, dtype=torch.float64, requires_grad=True)
    ops = torch.ops.graphkit
    torch.library.opcheck(ops.local_structure_divergence.default, (p, q, ptr))
    torch.library.opcheck(ops.local_structure_divergence_backward.default, (grad, p, q, ptr))


def test_any_number_of_threads_gives_the_same_bits(native):
    student, teacher, edge_index = make(3000, 40000, torch.float32)
    edge_index[1, :9000] = 7
    student.requires_grad_()
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            loss = local_structure_divergence(student, teacher, edge_index, reduction="none")
            results.append((loss, torch.autograd.grad(loss.sum(), student)[0]))
    finally:
        torch.set_num_threads(threads)
    for loss, slope in results[1:]:
        assert torch.equal(loss, results[0][0]) and torch.equal(slope, results[0][1])


def test_order_of_edges_layout_and_types_do_not_matter():
    student, teacher, edge_index = make(12, 60)
    expected = local_structure_divergence(student, teacher, edge_index)
    by_target = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col").values
    for edges in (by_target, edge_index.int(), edge_index.flip(1), torch.stack([*edge_index], dim=1).t()):
        torch.testing.assert_close(local_structure_divergence(student, teacher, edges), expected)
    mixed = local_structure_divergence(student, teacher.float(), edge_index)
    assert mixed.dtype == torch.float64
    torch.testing.assert_close(mixed, expected, rtol=1e-5, atol=1e-6)
    narrow = local_structure_divergence(student.bfloat16(), teacher, edge_index)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), expected, rtol=0.05, atol=0.01)


def test_edges_that_are_not_sorted_as_they_say():
    student, teacher, edge_index = make(4, 12)
    liar = EdgeIndex(edge_index, sparse_size=(4, 4), sort_order="col")
    torch.testing.assert_close(
        local_structure_divergence(student, teacher, liar), local_structure_divergence(student, teacher, edge_index)
    )


def test_nan_stays_visible():
    student, teacher, edge_index = make(6, 30)
    student[3, 1] = math.nan
    parts = local_structure_divergence(student, teacher, edge_index, reduction="none")
    touched = torch.zeros(6, dtype=torch.bool)
    touched[edge_index[1, (edge_index == 3).any(dim=0)]] = True
    assert torch.equal(parts.isnan(), touched)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_without_a_break(backend):
    student, teacher, edge_index = make(8, 30)
    student.requires_grad_()

    def call(student: Tensor, teacher: Tensor, edge_index: Tensor) -> Tensor:
        return 3 * local_structure_divergence(student, teacher, edge_index, sigma=2.0, reduction="branching")

    compiled = torch.compile(call, fullgraph=True, backend=backend, dynamic=backend == "aot_eager")
    for edges in (edge_index, edge_index[:, :17]) if backend == "aot_eager" else (edge_index,):
        expected, loss = call(student, teacher, edges), compiled(student, teacher, edges)
        torch.testing.assert_close(loss, expected)
        ours, other = torch.autograd.grad(loss, student), torch.autograd.grad(expected, student)
        torch.testing.assert_close(ours, other)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"student": torch.ones(4)}, r"`student` must be a float tensor \[N, D\] \(got torch.float32 of shape \[4\]\)"),
        ({"teacher": torch.ones(4, 2).long()}, r"`teacher` must be a float tensor \[N, D\] \(got torch.int64"),
        ({"teacher": torch.ones(5, 2)}, r"`teacher` must have a row for each of the 4 nodes.*\(got shape \[5, 2\]\)"),
        ({"teacher": torch.ones(4, 2, device="meta")}, "`teacher` must be on the device of `student`, cpu"),
        ({"edge_index": torch.ones(3, 2).long()}, r"integer tensor \[2, E\].*shape \[3, 2\]"),
        ({"edge_index": torch.tensor([[0, 4], [1, 1]])}, r"ids from 0 to 3.*\(got ids from 0 to 4\)"),
        ({"edge_index": torch.tensor([[0, 1], [-1, 1]])}, r"ids from 0 to 3.*\(got ids from -1 to 1\)"),
        ({"kernel": "cosine"}, r"`kernel` must be one of .* \(got 'cosine'\)"),
        ({"sigma": -1.0}, "`sigma` must be greater than 0"),
        ({"direction": "both"}, r"`direction` must be 'student_teacher' or 'teacher_student' \(got 'both'\)"),
        ({"reduction": "mean"}, r"`reduction` must be one of 'nodes', .* \(got 'mean'\)"),
    ],
)
def test_mistakes_get_one_clear_line(change, message):
    arguments = {"student": torch.ones(4, 3), "teacher": torch.ones(4, 2), "edge_index": torch.tensor([[0, 1], [1, 1]])}
    with pytest.raises(ValueError, match=message) as error:
        local_structure_divergence(**{**arguments, **change})
    assert "\n" not in str(error.value)
