from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch_geometric.nn import GATConv, GCNConv
from torch_geometric.nn.models import GAT, MLP

from graphkit.distill import Distiller, FitNet, KnowledgeDistillation, LayerPair, LocalStructureLoss, union_edges
from graphkit.distill.layer_capture import find_layer, last_hidden_layer, layer_aliases, listening
from graphkit.nn import DGCNN
from tests.distill.test_losses import random_edges

NODES = 12


class Net(torch.nn.Module):
    """Two graph layers, and a count of the calls."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.conv2 = GCNConv(4, width), GCNConv(width, 3)
        self.norm, self.drop, self.calls = torch.nn.BatchNorm1d(width), torch.nn.Dropout(dropout), 0

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.conv2(self.drop(self.norm(self.conv1(x, edge_index)).relu()), edge_index)


class OwnGraph(torch.nn.Module):
    """A layer that makes its own graph and returns it beside the features."""

    def __init__(self, edges: torch.Tensor) -> None:
        super().__init__()
        self.lin, self.edges = torch.nn.Linear(4, 3), edges

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.lin(x), self.edges


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(NODES, 4, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def edges() -> torch.Tensor:
    return random_edges(NODES, 40)


def test_the_loss_is_that_of_the_tapped_features(x: torch.Tensor, edges: torch.Tensor) -> None:
    torch.manual_seed(0)
    teacher, student = Net(8).eval(), Net(5).eval()
    pairs = [
        LayerPair(LocalStructureLoss(), "conv1", weight=7.0),
        LayerPair(KnowledgeDistillation(), "output", "output", weight=0.5),
        LayerPair(LocalStructureLoss("linear"), "conv2", "norm"),
    ]
    out, loss = Distiller(teacher, student, pairs)(x, edges)
    hidden = [net.conv1(x, edges) for net in (student, teacher)]
    once = union_edges(edges, num_nodes=NODES)
    expected = 7 * LocalStructureLoss()(*hidden, once) + 0.5 * KnowledgeDistillation()(out, teacher(x, edges))
    expected = expected + 100 * LocalStructureLoss("linear")(student.norm(hidden[0]), teacher(x, edges), once)
    torch.testing.assert_close(out, student(x, edges))
    torch.testing.assert_close(loss, expected)


def test_neither_network_is_changed(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, student = Net(8, 0.5), Net(5)
    teacher.train()
    teacher.drop.eval()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    distiller = Distiller(teacher, student, [LayerPair(FitNet(), "conv1")])
    distiller.start(x, edges)
    out, loss = distiller(x, edges)
    (out.sum() + loss).backward()
    for net in (teacher, student):
        assert not any(module._forward_hooks for module in net.modules())
    assert teacher.training and teacher.norm.training and not teacher.drop.training and student.training
    assert all(p.requires_grad and p.grad is None for p in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(p.grad is not None for p in [*student.parameters(), *distiller.parameters()])
    assert [name for name, _ in distiller.named_parameters()] == ["losses.0.map.weight", "losses.0.map.bias"]
    assert distiller.teacher is teacher and distiller.student is student


def test_the_teacher_is_asked_once_for_the_same_input(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, student = Net(8), Net(5)
    scored: list[int] = []

    class Counted(LocalStructureLoss):
        def summarize(self, *arguments: Any) -> Any:
            scored.append(1)
            return super().summarize(*arguments)

    distiller = Distiller(teacher, student, [LayerPair(Counted(), "conv1")])
    first = [distiller(x, edges)[1] for _ in range(3)][-1]
    assert teacher.calls == 1 and len(scored) == 1
    x[0] += 1  # in place
    second = distiller(x, edges)[1]
    assert teacher.calls == 2 and len(scored) == 2 and not torch.equal(first, second)
    distiller(x.clone(), edges)
    with torch.no_grad():
        teacher.conv1.bias += 1
    distiller(x, edges)
    assert teacher.calls == 4
    with torch.inference_mode():
        inside = x.clone()
        distiller(inside, edges), distiller(inside, edges)
    assert teacher.calls == 6  # whether these change cannot be seen
    distiller(x, edges, structure=edges[:, :9])
    distiller(x, edges, structure=edges[:, :7])
    assert teacher.calls == 7 and len(scored) == 8


def test_a_short_loop_of_one_s_own_learns(x: torch.Tensor, edges: torch.Tensor) -> None:
    torch.manual_seed(0)
    teacher, student = GAT(4, 16, 2, 3, heads=4), GAT(4, 8, 3, 3, heads=2)
    pairs = [LayerPair(LocalStructureLoss(normalize=True), "conv1", "conv2"), LayerPair(FitNet(), "conv1")]
    distiller = Distiller(teacher, student, pairs)
    distiller.start(x, edges)
    optimizer = torch.optim.Adam([*student.parameters(), *distiller.parameters()], lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        _, loss = distiller(x, edges)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_students_without_a_graph_and_teachers_with_another_one(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, student = Net(8).eval(), MLP([4, 6, 3], norm=None)
    pairs = [LayerPair(LocalStructureLoss(), "conv1", "lin1", weight=1)]
    _, loss = Distiller(teacher, student, pairs)(x, teacher_inputs=(x, edges))
    direct = LocalStructureLoss()(student.lins[0](x), teacher.conv1(x, edges), union_edges(edges, num_nodes=NODES))
    torch.testing.assert_close(loss, direct)
    other, small = random_edges(NODES, 30, seed=9), Net(5).eval()
    wide = torch.cat([x, x], dim=1)
    teacher = GAT(8, 8, 2, 3).eval()
    pairs = [LayerPair(LocalStructureLoss(), "conv1", weight=1)]
    inputs = {"x": wide, "edge_index": other}
    _, loss = Distiller(teacher, small, pairs)(x, edge_index=edges, teacher_inputs=inputs)
    both = union_edges(edges, other, num_nodes=NODES)
    direct = LocalStructureLoss()(small.conv1(x, edges), teacher.convs[0](wide, other), both)
    torch.testing.assert_close(loss, direct)
    _, chosen = Distiller(teacher, small, pairs)(x, edges, teacher_inputs=(wide, other), structure=edges)
    once = union_edges(edges, num_nodes=NODES)
    torch.testing.assert_close(chosen, LocalStructureLoss()(small.conv1(x, edges), teacher.convs[0](wide, other), once))


def test_layers_that_make_their_own_graph_bring_it(x: torch.Tensor) -> None:
    first, second = random_edges(NODES, 20, seed=1), random_edges(NODES, 20, seed=2)
    teacher, student = torch.nn.Sequential(OwnGraph(first)), torch.nn.Sequential(OwnGraph(second))
    _, loss = Distiller(teacher, student, [LayerPair(LocalStructureLoss(), "0", weight=1)])(x)
    both = union_edges(first, second, num_nodes=NODES)
    torch.testing.assert_close(loss, LocalStructureLoss()(student[0].lin(x), teacher[0].lin(x), both))
    assert both.size(1) == len({*map(tuple, torch.cat([first, second], 1).t().tolist())})


def test_networks_on_point_clouds_each_make_their_own_graph() -> None:
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    batch = torch.arange(30) // 15
    torch.manual_seed(0)
    teacher, student = (DGCNN(3, 4, width, 2, k=k).eval() for width, k in ((8, 4), (4, 3)))
    pairs = [LayerPair(LocalStructureLoss(), "conv2", weight=1)]
    _, loss = Distiller(teacher, student, pairs)(x, batch=batch, batch_size=2)
    (wide, theirs), (narrow, student_edges) = (
        net.convs[1](net.convs[0](x, batch)[0], batch) for net in (teacher, student)
    )
    union = union_edges(theirs, student_edges, num_nodes=30)
    assert union.size(1) > max(theirs.size(1), student_edges.size(1))  # they do not agree on who is near
    torch.testing.assert_close(loss, LocalStructureLoss()(narrow, wide, union))
    fixed = GCNConv(3, 5)
    edges = random_edges(30, 40)
    inputs = {"x": x, "batch": batch, "batch_size": 2}
    _, mixed = Distiller(teacher, fixed, [LayerPair(LocalStructureLoss(), "conv2", "output", weight=1)])(
        x, edges, teacher_inputs=inputs
    )
    expected = LocalStructureLoss()(fixed(x, edges), wide, union_edges(theirs, edges, num_nodes=30))
    torch.testing.assert_close(mixed, expected)


def test_losses_end_after_their_epochs(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, student = Net(8), Net(5)
    distiller = Distiller(teacher, student, [LayerPair(LocalStructureLoss(), "conv1", active_epochs=2)])
    values = [float(distiller(x, edges, epoch=epoch)[1].detach()) for epoch in range(4)]
    assert values[0] > 0 and values[1] > 0 and values[2:] == [0, 0]
    with pytest.raises(ValueError, match=r"needs the epoch \(got none\); pass `epoch=`"):
        distiller(x, edges)


def test_layers_have_short_names() -> None:
    gat = torch.nn.ModuleDict({"body": GAT(4, 8, 2, 3)})
    assert layer_aliases(gat) == {"output": "", "conv1": "body.convs.0", "conv2": "body.convs.1"}
    assert find_layer(gat, "body.convs.1", "teacher") == "body.convs.1" == find_layer(gat, "conv2", "teacher")
    assert last_hidden_layer(gat) == "conv1" and last_hidden_layer(gat, output_is_layer=False) == "conv2"
    assert last_hidden_layer(MLP([4, 8, 8, 3])) == "lin2"
    with pytest.raises(ValueError, match="has no graph layer to compare"):
        last_hidden_layer(torch.nn.Identity())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("convv1", "unknown layer of the teacher 'convv1'; did you mean 'conv1'?"),
        ("norms", "did you mean 'norm'?"),
        ("xyz", "unknown layer of the teacher 'xyz'; known: conv1, conv2, output"),
    ],
)
def test_a_layer_that_does_not_exist_is_named(layer: str, message: str) -> None:
    with pytest.raises(ValueError, match="unknown layer") as error:
        Distiller(Net(8), Net(5), [LayerPair(LocalStructureLoss(), layer, "conv1")])
    assert message in str(error.value)


def test_what_cannot_be_distilled_is_refused(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, student = Net(8), Net(5)
    pairs = [LayerPair(LocalStructureLoss(), "conv1")]
    distiller = Distiller(teacher, student, pairs)
    with pytest.raises(ValueError, match=r"same nodes \(got 9 rows of the teacher and 12 of the student\)"):
        distiller(x, edges, teacher_inputs=(x[:9], edges % 9))
    for call in (distiller, distiller.start):
        with pytest.raises(ValueError, match="the graph has none"):
            call(x, edges[:, :0])
    with pytest.raises(ValueError, match="LocalStructureLoss compares over edges"):
        Distiller(MLP([4, 5, 3]), MLP([4, 6, 3]), [LayerPair(LocalStructureLoss(), "lin1")])(x)
    with pytest.raises(ValueError, match="features of the teacher at 'conv1:conv1' must be finite"):
        distiller(x, edges, teacher_inputs=(x * torch.nan, edges))
    with pytest.raises(ValueError, match="at least one loss"):
        Distiller(teacher, student, [])
    with pytest.raises(ValueError, match="`weight` must be finite"):
        LayerPair(FitNet(), "conv1", weight=-1)
    with pytest.raises(ValueError, match="`active_epochs` must be at least 1"):
        LayerPair(FitNet(), "conv1", active_epochs=0)
    with pytest.raises(ValueError, match="layer 'conv2' of the teacher was not called"):
        idle = Net(8)
        idle.forward = lambda x, e: idle.conv1(x, e)  # type: ignore[method-assign]
        Distiller(idle, student, [LayerPair(FitNet(), "conv2")])(x, edges)
    with pytest.raises(ValueError, match="must return features"), listening(idle := torch.nn.Identity(), [""]):
        idle(edges)


def test_hooks_are_gone_after_an_error(x: torch.Tensor, edges: torch.Tensor) -> None:
    student = Net(5)
    with pytest.raises(RuntimeError):
        Distiller(Net(8), student, [LayerPair(FitNet(), "conv1")])(x[:, :2], edges)
    assert not student.conv1._forward_hooks


def test_the_loss_of_a_student_reaches_attention_layers_that_return_more(x: torch.Tensor, edges: torch.Tensor) -> None:
    conv = GATConv(4, 3)
    with listening(conv, [""]) as captured:
        conv(x, edges, return_attention_weights=True)
    assert captured[""].features.shape == (NODES, 3)
    assert F.relu(captured[""].features).sum().requires_grad


class Copies(torch.nn.Module):
    """A layer over a graph of three nodes that comes several times."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.view(-1, 3, 4))


def test_a_graph_that_comes_several_times_is_compared_copy_by_copy(x: torch.Tensor) -> None:
    teacher, student, loss = Copies(8), Copies(5), LocalStructureLoss()
    bones = torch.tensor([[1, 2, 0, 0], [0, 0, 1, 2]])
    out, divergence = Distiller(teacher, student, [LayerPair(loss, "layer", weight=1.0)])(x, structure=bones)
    alone = [loss(s, t, bones) for s, t in zip(out, teacher(x), strict=True)]
    torch.testing.assert_close(divergence, torch.stack(alone).mean())
    with pytest.raises(ValueError, match="edges must hold node ids from 0 to 2"):
        Distiller(teacher, student, [LayerPair(loss, "layer")])(x, structure=bones + 3)
    with pytest.raises(ValueError, match="one graph at '0' and copies of 3 nodes at 'layer'"):
        flat = torch.nn.Sequential(torch.nn.Linear(4, 8))
        Distiller(flat, student, [LayerPair(loss, "0", "layer")])(x, structure=bones)


def test_the_teacher_is_asked_again_once_anything_changes(x: torch.Tensor, edges: torch.Tensor) -> None:
    teacher, distiller = Net(8), None
    distiller = Distiller(teacher, Net(5), [LayerPair(LocalStructureLoss(), "conv1")])
    distiller(x, edges)
    distiller(x, edges)
    calls = teacher.calls
    assert calls == 1

    def weights() -> None:
        with torch.no_grad():
            teacher.conv1.lin.weight.mul_(2)

    def replaced() -> None:
        teacher.conv1.lin.weight.data = torch.randn_like(teacher.conv1.lin.weight)

    in_place = (lambda: x.mul_(2), lambda: edges[0].fill_(1), lambda: teacher.norm.running_var.mul_(3))
    for change in (weights, replaced, *in_place):
        change()
        distiller(x, edges)
        calls += 1
        assert teacher.calls == calls
    with torch.autocast("cpu", torch.bfloat16):
        distiller(x, edges)
    assert teacher.calls == calls + 1
