import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv, GINConv, MessagePassing, SAGEConv, TransformerConv

from graphkit.continual import TWP, Topology, generic_score, listen, topology_loss
from graphkit.continual.experience import Experience
from graphkit.continual.gradients import gradients, trainable
from graphkit.nn import FactorGCNConv, SPAGANConv
from graphkit.testing import random_graph

EDGES = random_graph(12, 40)
X = torch.randn(12, 6, dtype=torch.double, generator=torch.Generator().manual_seed(0))
#: A layer by its widths, and whether it has attention.
LAYERS = {
    "gcn": (lambda i, o: GCNConv(i, o), False),
    "sage": (lambda i, o: SAGEConv(i, o), False),
    "gin": (lambda i, o: GINConv(torch.nn.Linear(i, o)), False),
    "gat": (lambda i, o: GATConv(i, o, heads=2, concat=False), True),
    "gatv2": (lambda i, o: GATv2Conv(i, o, heads=2, concat=False), True),
    "transformer": (lambda i, o: TransformerConv(i, o), False),
    "spagan": (lambda i, o: SPAGANConv(i, o, heads=2, concat=False), True),
    "factorgcn": (lambda i, o: FactorGCNConv(i, o, factors=2), False),
}


class Net(torch.nn.Module):
    """Two layers of one kind."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        make = LAYERS[name][0]
        self.first, self.second = make(6, 8).double(), make(8, 4).double()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.second(self.first(x, edge_index).tanh(), edge_index)


def task(ids: list[int]) -> Experience:
    y, nodes = torch.arange(len(ids)) % 4, torch.tensor(ids)
    return Experience([EDGES], lambda model, edges: model(X, edges)[nodes], lambda edges: y, nodes=lambda edges: nodes)


@pytest.mark.parametrize("name", LAYERS)
def test_any_layer_has_a_topology(name: str) -> None:
    model = Net(name)
    plain = model(X, EDGES)
    with listen(model) as parts:
        heard = model(X, EDGES)
    torch.testing.assert_close(heard, plain)
    assert parts
    for score, target in parts:
        sums = torch.zeros(12, *score.shape[1:]).double().index_add_(0, target, score.detach())[target.unique()]
        torch.testing.assert_close(sums, torch.ones_like(sums))
    assert not any(layer._propagate_forward_pre_hooks for layer in model.children())
    scores = TWP().topology_importance(model, task([0, 1, 2, 3]))
    assert any(bool(value.any()) for name, value in scores.items() if name.startswith("first"))


# PyTorch differentiates the softmax of the transformer's layer only once.
@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"transformer"}))
def test_the_capacity_term_has_a_gradient(name: str) -> None:
    model, strategy, episode = Net(name), TWP(1.0, 0.5, beta=0.1), task([0, 1, 2, 3])
    strategy.before_task(model, episode)
    grads = gradients(strategy.penalty(model), trainable(model))
    param_name = max(grads, key=lambda key: float(grads[key].abs().max()))
    entry = int(grads[param_name].abs().argmax())
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            model.get_parameter(param_name).view(-1)[entry] += step
        values.append(float(strategy.penalty(model).detach()))
    assert float(grads[param_name].view(-1)[entry]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_attention_is_taken_where_there_is_one() -> None:
    model = Net("gat")
    with listen(model, ["first"]) as parts:
        model(X, EDGES)
    _, (edge_index, alpha) = model.first(X, EDGES, return_attention_weights=True)
    assert len(parts) == 1 and torch.equal(parts[0].target, edge_index[1])
    torch.testing.assert_close(parts[0].score, alpha)


def test_the_score_of_a_layer_without_attention_is_that_of_what_it_sends() -> None:
    model = Net("gcn")
    with listen(model, ["first"]) as parts:
        model(X, EDGES)
    h, loops = model.first.lin(X), torch.arange(12).repeat(2, 1)
    edges = torch.cat([EDGES[:, EDGES[0] != EDGES[1]], loops], dim=1)
    score = torch.nn.functional.leaky_relu(generic_score(h, h, edges), 0.2).exp()
    expected = score / torch.zeros(12).double().index_add_(0, edges[1], score.detach())[edges[1]]
    torch.testing.assert_close(parts[0].score, expected)


def test_layers_that_send_their_input_are_left_out() -> None:
    model = Net("gin")
    with listen(model) as parts:
        model(X, EDGES)
    assert len(parts) == 1  # the second layer's, which depends on the first
    with pytest.raises(ValueError, match="no message of a graph layer depends on a parameter; set `lambda_t=0`"):
        TWP().topology_importance(model.first, task([0]))


def test_loss_of_some_nodes() -> None:
    parts = [Topology(torch.tensor([0.25, 0.75, 1.0]), torch.tensor([0, 0, 2]))]
    assert float(topology_loss(parts)) == 0.25**2 + 0.75**2 + 1
    assert float(topology_loss(parts, torch.tensor([0]))) == 0.25**2 + 0.75**2
    assert float(topology_loss(parts, torch.tensor([False, True, True]))) == 1
    assert float(topology_loss(parts, norm="fro")) == pytest.approx((0.25**2 + 0.75**2 + 1) ** 0.5)
    with pytest.raises(ValueError, match="`norm` must be 'squared' or 'fro'"):
        topology_loss(parts, norm="max")


def test_only_the_nodes_that_train_count() -> None:
    strategy, everyone = TWP(gradients="batch"), TWP(nodes="all")
    some, others = (strategy.topology_importance(Net("gat"), task(ids)) for ids in ([0, 1], [2, 3]))
    assert any(not torch.allclose(some[name], others[name]) for name in some)
    some, others = (everyone.topology_importance(Net("gat"), task(ids)) for ids in ([0, 1], [2, 3]))
    assert all(torch.allclose(some[name], others[name]) for name in some)


def test_bad_input() -> None:
    with (
        pytest.raises(ValueError, match=r"layers of the kind MessagePassing \(got none in Linear\)"),
        listen(torch.nn.Linear(2, 2)),
    ):
        pass
    with (
        pytest.raises(ValueError, match="unknown graph layer 'fist'; did you mean 'first'"),
        listen(Net("gcn"), ["fist"]),
    ):
        pass

    class Silent(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, weight=x[edge_index[0]], size=(12, 12))

        def message(self, weight: Tensor) -> Tensor:
            return weight

    layer = Silent()
    with listen(layer), pytest.raises(ValueError, match="has no dense node features in its messages"):
        layer(X, EDGES)


@pytest.mark.parametrize("norm", ["squared", "fro"])
@pytest.mark.parametrize("name", LAYERS)
def test_nodes_without_edges_have_no_topology(name: str, norm: str) -> None:
    model, ids = Net(name), torch.tensor([0, 1])
    for edges in (torch.empty(2, 0, dtype=torch.long), torch.tensor([[4, 5], [6, 7]])):
        one = Experience([edges], lambda m, e: m(X, e)[ids], lambda e: torch.tensor([0, 1]), nodes=lambda e: ids)
        scores = TWP(norm=norm).topology_importance(model, one)
        assert all(bool(value.isfinite().all()) for value in scores.values())
    score = torch.rand(2, requires_grad=True)
    loss = topology_loss([Topology(score, torch.tensor([6, 7]))], torch.empty(0, dtype=torch.long), norm)
    assert not bool(loss.any()) and float(topology_loss([], None, norm)) == 0


def test_attention_in_half_precision_is_attention_still() -> None:
    torch.manual_seed(0)
    model, x = SPAGANConv(6, 4, heads=2), X.float()
    with listen(model) as exact:
        model(x, EDGES)
    with torch.autocast("cpu", torch.bfloat16), listen(model) as parts:
        model(x, EDGES)
    assert len(parts) == len(exact)
    for one, other in zip(parts, exact, strict=True):
        torch.testing.assert_close(one.score, other.score, rtol=0.05, atol=0.02)
