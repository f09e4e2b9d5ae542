from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch_geometric import EdgeIndex

from graphkit.distill import (
    AttentionTransfer,
    DistillationLoss,
    FitNet,
    GlobalStructure,
    InterChannelCorrelation,
    KnowledgeDistillation,
    LocalStructureLoss,
    local_structure,
    local_structure_divergence,
    union_edges,
)
from graphkit.metrics import micro_f1
from graphkit.registry import get_loss, loss_names
from tests.distill import worked_example as example

DOUBLE = torch.float64
EDGES = example.EDGES


def features(*widths: int, nodes: int = 7, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(nodes, width, generator=generator, dtype=DOUBLE) for width in widths]


def random_edges(nodes: int = 7, edges: int = 20, seed: int = 1) -> torch.Tensor:
    return torch.randint(nodes, (2, edges), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kernel", example.LOSS)
def test_the_worked_example(kernel: str) -> None:
    options, *values = example.LOSS[kernel]
    tolerance = 1e-9 if kernel == "l1exp" else 1e-6
    networks = (example.STUDENT, example.TEACHER)
    for direction, value, order in zip(("student_teacher", "teacher_student"), values, (1, -1), strict=True):
        loss = LocalStructureLoss(direction=direction, **options)(*networks, EDGES)
        assert float(loss) == pytest.approx(value, abs=tolerance)
        assert float(loss) == pytest.approx(example.loss_by_loops(*networks[::order], EDGES, kernel), abs=1e-12)
        function = local_structure_divergence(*networks, EDGES, direction=direction, **options)
        assert float(function) == pytest.approx(float(loss), abs=1e-15)
    for z in networks:
        structure = local_structure(z, EDGES, **options)
        assert structure.tolist() == pytest.approx(example.structure_by_loops(z, EDGES, kernel), abs=1e-12)


def test_the_worked_example_of_the_teacher_and_of_a_union() -> None:
    assert local_structure(example.TEACHER, EDGES).tolist() == pytest.approx(example.RBF_TEACHER, abs=1e-6)
    line = example.LINE
    union = union_edges(line["teacher_edges"], line["student_edges"], num_nodes=4)
    assert union.tolist() == [[1, 2, 0, 3, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2, 3, 3]]
    for direction, value in example.LINE_LOSS.items():
        loss = LocalStructureLoss(direction=direction)(line["student"], line["teacher"], union)
        assert float(loss) == pytest.approx(value, abs=1e-6)


def test_the_worked_example_of_the_threshold() -> None:
    logits = torch.tensor([[0.3, -0.2], [0.6, 0.1], [-1, 0.7]])
    labels = torch.tensor([[1.0, 0], [1, 1], [0, 0]])
    assert micro_f1(logits, labels) == pytest.approx(6 / 7) and micro_f1(logits, labels, 0.5) == pytest.approx(0.4)


@pytest.mark.parametrize("form", ["plain", "shuffled", "int32", "sorted"])
def test_edges_come_in_any_order(form: str) -> None:
    student, teacher = features(3, 5)
    edges = random_edges()
    order = torch.randperm(edges.size(1), generator=torch.Generator().manual_seed(3))
    forms = {
        "plain": edges,
        "shuffled": edges[:, order],
        "int32": edges.int(),
        "sorted": EdgeIndex(edges[:, edges[1].argsort(stable=True)].contiguous(), sparse_size=(7, 7), sort_order="col"),
    }
    loss = LocalStructureLoss()
    expected = local_structure_divergence(student, teacher, edges)
    torch.testing.assert_close(loss(student, teacher, forms[form]), expected, rtol=0, atol=1e-14)
    if form == "shuffled":
        torch.testing.assert_close(local_structure(student, edges[:, order]), local_structure(student, edges)[order])


@pytest.mark.parametrize("reduction", ["nodes", "branching", "edge_mean"])
@pytest.mark.parametrize("options", [{}, {"kernel": "linear", "negate": True}, {"kernel": "poly", "degree": 3}])
def test_the_loss_is_the_operator(reduction: str, options: dict[str, Any]) -> None:
    student, teacher = features(3, 5)
    edges = random_edges(edges=9)  # some nodes have one in-edge, or none
    loss = LocalStructureLoss(reduction=reduction, **options)(student, teacher, edges)
    assert float(loss) == pytest.approx(
        float(local_structure_divergence(student, teacher, edges, reduction=reduction, **options)), abs=1e-13
    )


def test_scaling_features_first() -> None:
    student, teacher = features(3, 5)
    edges = random_edges()
    loss = LocalStructureLoss(normalize=True)
    expected = local_structure_divergence(F.normalize(student), F.normalize(teacher), edges)
    assert float(loss(student, teacher, edges)) == pytest.approx(float(expected), abs=1e-14)
    assert float(loss(9 * student, teacher / 9, edges)) == pytest.approx(float(expected), abs=1e-12)


LOSSES: dict[str, DistillationLoss] = {
    "lsp": LocalStructureLoss(),
    "lsp-reverse": LocalStructureLoss(direction="teacher_student", kernel="linear"),
    "lsp-scaled": LocalStructureLoss(normalize=True, kernel="euclidean"),
    "kd": KnowledgeDistillation(3.0),
    "kd-labels": KnowledgeDistillation(3.0, multi_label=True),
    "fitnet": FitNet(3, 5).double(),
    "at": AttentionTransfer(),
    "gsp": GlobalStructure(),
    "ickd": InterChannelCorrelation(3, 5).double(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_against_finite_differences(name: str) -> None:
    student, teacher = features(3, 3 if name.startswith("kd") else 5)
    teacher.requires_grad_()
    loss, edges, batch = LOSSES[name], random_edges(), torch.tensor([0, 0, 0, 1, 1, 1, 1])
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher.detach(), edges, batch), student.requires_grad_())
    loss(student, teacher, edges, batch).backward()
    assert teacher.grad is None  # the teacher does not learn


def test_gradients_against_a_row_per_edge() -> None:
    student, teacher = features(6, 9, nodes=30)
    edges = random_edges(30, 200)
    student.requires_grad_()
    value, expected = LocalStructureLoss()(student, teacher, edges), example.rows_per_edge(student, teacher, edges)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-14)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-14)


def test_plain_pytorch_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = features(3, 5)
    native = LocalStructureLoss()(student, teacher, random_edges())
    monkeypatch.setattr("graphkit.distill.losses.local_structure.has_native", lambda name: False)
    torch.testing.assert_close(LocalStructureLoss()(student, teacher, random_edges()), native, rtol=0, atol=1e-14)


def test_soft_labels_by_pytorch_s_own_divergence() -> None:
    student, teacher = features(4, 4)
    expected = 9 * F.kl_div((student / 3).log_softmax(-1), (teacher / 3).softmax(-1), reduction="batchmean")
    assert float(KnowledgeDistillation(3.0)(student, teacher)) == pytest.approx(float(expected), abs=1e-14)
    target = (teacher / 3).sigmoid()
    cross = F.binary_cross_entropy_with_logits(student / 3, target) - F.binary_cross_entropy(target, target)
    loss = KnowledgeDistillation(3.0, multi_label=True)(student, teacher)
    assert float(loss) == pytest.approx(9 * float(cross), abs=1e-13)
    far = KnowledgeDistillation(1.0, multi_label=True)(student * 1e4, teacher * 1e4)
    assert bool(torch.isfinite(far))


def test_global_structure_is_that_of_all_pairs() -> None:
    student, teacher = features(3, 5)
    s, t = F.normalize(student), F.normalize(teacher)
    expected = (s @ s.t() - t @ t.t()).square().mean()
    assert float(GlobalStructure()(student, teacher)) == pytest.approx(float(expected), abs=1e-14)


def test_attention_is_that_of_each_graph() -> None:
    student, teacher = features(3, 5)
    batch = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    loss = AttentionTransfer()
    parts = [loss(student[batch == graph], teacher[batch == graph]) for graph in (0, 1)]
    assert float(loss(student, teacher, batch=batch)) == pytest.approx(float(sum(parts)) / 2, abs=1e-14)
    energy = [z.square().sum(1) / z.square().sum(1).norm() for z in (student, teacher)]
    assert float(loss(student, teacher)) == pytest.approx(float((energy[0] - energy[1]).square().sum()), abs=1e-14)


def test_channels_are_compared_with_channels() -> None:
    student, teacher = features(5, 5)
    s, t = (z / z.norm(dim=0) for z in (student, teacher))
    expected = (s.t() @ s - t.t() @ t).square().mean()
    assert float(InterChannelCorrelation()(student, teacher)) == pytest.approx(float(expected), abs=1e-14)


@pytest.mark.parametrize("cls", [FitNet, InterChannelCorrelation])
def test_widths_that_differ_are_mapped_by_parameters_of_the_loss(cls: type[Any]) -> None:
    student, teacher = (z.float() for z in features(3, 5))
    loss = cls()
    assert not list(loss.parameters())
    loss(student, teacher)
    assert [tuple(p.shape) for p in loss.parameters()] == [(5, 3), (5,)]
    with pytest.raises(ValueError, match="maps 3 to 5 features.*a separate loss for each pair"):
        loss(teacher, teacher)
    same = cls()
    same(student, student)
    assert not list(same.parameters())


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("fitnet", "ickd")])
def test_a_student_that_agrees_has_no_loss(name: str) -> None:
    student = features(4)[0]
    assert float(LOSSES[name](student, student.clone(), random_edges())) == pytest.approx(0, abs=1e-12)


def test_all_losses_have_names() -> None:
    assert loss_names() == ["at", "fitnet", "gsp", "ickd", "kd", "lsp"]
    assert get_loss("lsp") is LocalStructureLoss
    with pytest.raises(ValueError, match="unknown distillation loss 'ldp'; did you mean 'lsp'"):
        get_loss("ldp")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalStructureLoss("gauss"), "`kernel` must be one of"),
        (lambda: LocalStructureLoss(direction="both"), "`direction` must be one of 'student_teacher'"),
        (lambda: LocalStructureLoss(reduction="none"), "`reduction` must be one of 'nodes'"),
        (lambda: LocalStructureLoss(sigma=0), "`sigma` must be greater than 0"),
        (lambda: KnowledgeDistillation(0), "`temperature` must be positive"),
        (lambda: AttentionTransfer(-1), "`power` must be positive"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_features_that_cannot_be_compared_are_refused() -> None:
    student, teacher = features(3, 5)
    edges = random_edges()
    loss = LocalStructureLoss()
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((student[:6], teacher, edges), r"on the same nodes \(got 7 rows of the teacher and 6 of the student\)"),
        ((student, teacher[:6], edges), r"on the same nodes \(got 6 rows of the teacher and 7 of the student\)"),
        ((student, teacher), r"compares over edges \(got none\); pass an `edge_index`"),
        ((student, teacher, edges[:, :0]), r"compares over edges, and the graph has none \(got `edge_index` of shape"),
        ((student, teacher, edges + 1), r"node ids from 0 to 6"),
        ((student.long(), teacher, edges), r"the features of the student must be a float tensor \[N, D\]"),
        ((student.fill_(torch.nan), teacher, edges), r"features of the student must be finite \(got NaN or infinity\)"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            loss(*arguments)
    with pytest.raises(ValueError, match="features of the teacher must be finite"):
        FitNet()(features(3)[0], torch.full((7, 3), torch.inf, dtype=DOUBLE))
    with pytest.raises(ValueError, match=r"outputs of the same width \(got 5 of the teacher and 3 of the student\)"):
        KnowledgeDistillation()(*features(3, 5))


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_a_class_that_the_teacher_masks_out_adds_nothing(multi_label: bool, both: bool) -> None:
    student, teacher = features(3, 3)
    gap = torch.full((7, 1), -torch.inf, dtype=DOUBLE)
    teacher = torch.cat([teacher, gap], dim=1)
    student = torch.cat([student, gap if both else torch.full_like(gap, -1.0)], dim=1).requires_grad_()
    loss = KnowledgeDistillation(2.0, multi_label)(student, teacher)
    if multi_label:
        one, zero = (teacher[:, :3] / 2).sigmoid(), (student.detach() / 2).sigmoid()
        kept = one * (one / zero[:, :3]).log() + (1 - one) * ((1 - one) / (1 - zero[:, :3])).log()
        expected = (kept.sum() - (1 - zero[:, 3]).log().sum()) * 4 / 28
    else:
        p, q = (teacher[:, :3] / 2).softmax(1), (student.detach() / 2).softmax(1)[:, :3]
        expected = (p * (p / q).log()).sum() * 4 / 7
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert student.grad is not None and bool(student.grad.isfinite().all())


@pytest.mark.parametrize("name", loss_names())
@pytest.mark.parametrize("mixed", [False, True])
def test_features_in_half_precision_are_compared_in_float32(name: str, mixed: bool) -> None:
    torch.manual_seed(0)
    loss, (student, teacher) = get_loss(name)(), [z.float() for z in features(4, 4, nodes=300)]
    expected = loss(student, teacher, random_edges(300, 900))
    student = student.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        value = loss(student, teacher.bfloat16() if mixed else teacher, random_edges(300, 900))
    assert value.dtype in (torch.float32, DOUBLE)
    assert abs(float((value - expected).detach())) < 0.05 * float(expected) + 1e-3
    value.backward()
    assert student.grad is not None and bool(student.grad.isfinite().all()) and bool(student.grad.any())


def test_a_map_of_widths_takes_the_type_of_the_features() -> None:
    student, teacher = features(3, 5)
    loss = FitNet()
    value = loss(student, teacher)
    assert loss.map is not None and value.dtype == DOUBLE
    torch.testing.assert_close(value, F.mse_loss(F.linear(student, loss.map.weight, loss.map.bias), teacher))


def test_a_union_of_int32_edges_with_large_ids() -> None:
    one, other = torch.tensor([[40000], [0]]), torch.tensor([[7296], [21475]])  # keys that differ by 2^32
    for dtype in (torch.int64, torch.int32):
        assert union_edges(one.to(dtype), other.to(dtype), num_nodes=200_000).size(1) == 2
    huge = torch.tensor([[4_000_000_000, 0], [0, 4_000_000_000]])
    assert union_edges(huge, huge.flip(0), num_nodes=5_000_000_000).tolist() == [[4_000_000_000, 0], [0, 4_000_000_000]]
