import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch_geometric import EdgeIndex, seed_everything
from torch_geometric.data import Data
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import (
    GATConv,
    GatedGraphConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    GraphConv,
    MessagePassing,
    SAGEConv,
    to_hetero,
)
from torch_geometric.nn.models import GAT, GCN, GIN, GraphSAGE

import graphkit
from graphkit.nn import FusedGATConv, accelerate
from graphkit.ops import backend
from graphkit.sampling import NeighborLoader
from tests.nn.accelerated import NativeCalls, assert_same, edges_of

needs_native = pytest.mark.skipif(backend() != "native", reason="the native operators are not in use")

MODELS = {
    "gcn": lambda: GCN(7, 12, 3, 5, norm="batch_norm", dropout=0.3),
    "gcn, jk": lambda: GCN(7, 12, 2, 5, jk="cat", improved=True),
    "gcn, no loops": lambda: GCN(7, 12, 2, 5, add_self_loops=False),
    "gcn, not normalized": lambda: GCN(7, 12, 2, 5, normalize=False, add_self_loops=False),
    "gcn, cached": lambda: GCN(7, 12, 2, 5, cached=True),
    "sage, mean": lambda: GraphSAGE(7, 12, 2, 5, jk="max", norm="layer_norm"),
    "sage, max": lambda: GraphSAGE(7, 12, 2, 5, aggr="max", project=True),
    "sage, min": lambda: GraphSAGE(7, 12, 2, 5, aggr="min"),
    "sage, sum": lambda: GraphSAGE(7, 12, 2, 5, aggr="sum", normalize=True, root_weight=False),
    "sage, several": lambda: GraphSAGE(7, 12, 2, 5, aggr=["mean", "max"]),
    "gin": lambda: GIN(7, 12, 2, 5, train_eps=True, norm="batch_norm"),
    "gat": lambda: GAT(7, 12, 3, 5, heads=4, dropout=0.3),
    "gat, jk": lambda: GAT(7, 12, 2, 5, heads=2, jk="lstm", residual=True),
    "gat, no loops": lambda: GAT(7, 12, 2, 5, heads=3, concat=False, add_self_loops=False),
    "gatv2": lambda: GAT(7, 12, 2, 5, heads=4, v2=True),
    "gatv2, shared": lambda: GAT(7, 12, 2, 5, heads=2, v2=True, share_weights=True, dropout=0.3),
}


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize("kind", ["plain", "EdgeIndex", "csr"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODELS)
def test_models_give_the_same_outputs_and_gradients(name, dtype, kind):
    if kind == "csr" and name.startswith(("gat", "sage, several")):
        kind = "plain"  # PyG does not take it either
    seed_everything(0)
    model = MODELS[name]().to(dtype)
    x = torch.randn(20, 7, dtype=dtype)
    for train in (True, False):
        model.train(train)
        assert_same(model, x, edges_of(kind, dtype=dtype), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "conv",
    [
        lambda: GCNConv(7, 5),
        lambda: GCNConv(7, 5, normalize=False, bias=False),
        lambda: GraphConv(7, 5),
        lambda: GraphConv(7, 5, aggr="mean"),
        lambda: GraphConv(7, 5, aggr="max"),
    ],
)
def test_edge_weights_get_their_gradient(conv, dtype):
    seed_everything(0)
    model = conv().to(dtype)
    weight = torch.rand(90, dtype=dtype)
    grads = []
    for layer in (model, accelerate(model)):
        given = weight.clone().requires_grad_()
        layer(torch.ones(20, 7, dtype=dtype), edges_of("plain"), given).square().sum().backward()
        grads.append(given.grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)
    assert_same(model, torch.randn(20, 7, dtype=dtype), edges_of("plain"), weight, dtype=dtype)


@pytest.mark.parametrize(
    "conv",
    [
        lambda: SAGEConv((7, 4), 5),
        lambda: SAGEConv((7, 4), 5, aggr="max"),
        lambda: GraphConv((7, 4), 5),
        lambda: GINConv(nn.Linear(7, 5)),
        lambda: GATConv((7, 4), 5, heads=2, add_self_loops=False),
        lambda: GATv2Conv((7, 4), 5, heads=2, add_self_loops=False),
    ],
)
def test_bipartite_layers(conv):
    seed_everything(0)
    model = conv().double()
    edge_index = edges_of("plain", 10)
    target = torch.randn(10, 7 if isinstance(model, GINConv) else 4).double()
    assert_same(model, (torch.randn(20, 7).double(), target), edge_index, dtype=torch.float64)
    if not isinstance(model, (GATConv, GATv2Conv)):
        out = model((torch.ones(20, 7).double(), None), edge_index, size=(20, 10))
        fused = accelerate(model)((torch.ones(20, 7).double(), None), edge_index, size=(20, 10))
        torch.testing.assert_close(fused, out)


def test_the_copy_shares_parameters_and_the_state_dict():
    model = GCN(7, 12, 2, 5, norm="batch_norm")
    fused = accelerate(model)
    assert type(model.convs[0]) is GCNConv and isinstance(fused.convs[0], GCNConv)
    assert [id(p) for p in fused.parameters()] == [id(p) for p in model.parameters()]
    state, other = model.state_dict(), fused.state_dict()
    assert list(state) == list(other) and all(torch.equal(state[key], other[key]) for key in state)
    assert accelerate(model, inplace=True) is model and type(model.convs[0]) is type(fused.convs[0])
    assert accelerate.report(accelerate(fused)) == accelerate.report(fused)
    assert str(fused) == str(model) and str(GATConv(7, 5)) == str(accelerate(GATConv(7, 5)))
    x, edge_index = torch.randn(20, 7), edges_of("plain")
    fused.eval()
    for again in (copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))):
        assert type(again.convs[0]) is type(fused.convs[0])
        torch.testing.assert_close(again(x, edge_index), fused(x, edge_index))
        assert accelerate.report(again) == accelerate.report(fused)


@needs_native
def test_layers_are_fused_where_they_can_be():
    x, edge_index = torch.randn(20, 7), edges_of("plain")
    for conv in (GCNConv(7, 5), SAGEConv(7, 5), GINConv(nn.Linear(7, 5)), GraphConv(7, 5), GATConv(7, 5)):
        with NativeCalls() as calls:
            accelerate(conv)(x, edge_index)
        assert len(calls.names) == 1


class Doubled(SAGEConv):
    def message(self, x_j: Tensor) -> Tensor:
        return 2 * x_j


def with_hook(conv: MessagePassing) -> MessagePassing:
    conv.register_message_forward_hook(lambda module, inputs, out: 3 * out)
    return conv


def with_method(conv: MessagePassing) -> MessagePassing:
    conv.message = lambda x_j: 2 * x_j
    return conv


@needs_native
@pytest.mark.parametrize(
    "conv, reason",
    [
        (lambda: Doubled(7, 5), "a subclass of SAGEConv"),
        (lambda: with_hook(SAGEConv(7, 5)), "an explainer or hooks on its messages"),
        (lambda: with_hook(GCNConv(7, 5)), "an explainer or hooks on its messages"),
        (lambda: with_method(SAGEConv(7, 5)), "its method message was replaced"),
        (lambda: SAGEConv(7, 5, aggr="median"), "aggr='median'"),
        (lambda: SAGEConv(7, 5, flow="target_to_source"), "flow='target_to_source'"),
        (lambda: GCNConv(7, 5, flow="target_to_source"), "flow='target_to_source'"),
        (lambda: GCNConv(7, 5, decomposed_layers=5), "decomposed_layers=5"),
        (lambda: GATv2Conv(7, 5, edge_dim=3), "edge_dim is set"),
        (lambda: GatedGraphConv(7, 2), "no fused operator for this layer"),
    ],
)
def test_layers_that_cannot_be_fused_use_the_code_of_pyg(conv, reason):
    seed_everything(0)
    model = conv()
    fused = accelerate(model)
    assert [row[2:] for row in accelerate.report(fused)] == [(False, reason)]
    x, edge_index = torch.randn(20, 7), edges_of("plain")
    with NativeCalls() as calls:
        torch.testing.assert_close(fused(x, edge_index), model(x, edge_index))
    assert not calls.names


@needs_native
def test_explainers_see_the_messages():
    seed_everything(0)
    x, edge_index = torch.randn(20, 7), edges_of("plain")
    masks = []
    model = GCN(7, 12, 2, 5)
    for network in (model, accelerate(model)):
        seed_everything(2)
        settings = {"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"}
        explainer = Explainer(
            network, GNNExplainer(epochs=5), explanation_type="model", edge_mask_type="object", model_config=settings
        )
        masks.append(explainer(x, edge_index).edge_mask)
    torch.testing.assert_close(*masks)
    with NativeCalls() as calls:
        network(x, edge_index)
        assert len(calls.names) == 2  # fused again after the explanation
        accelerate(model.requires_grad_())(x, edge_index)
    assert len(calls.names) == 4


def test_edges_changed_in_place_and_other_graphs():
    seed_everything(0)
    model = GraphSAGE(7, 12, 2, 5).eval()
    fused = accelerate(model)
    for make in (lambda seed: edges_of("plain", seed=seed), lambda seed: edges_of("EdgeIndex", seed=seed)):
        for seed in range(4):  # each edge index is freed: the next one often has its address
            x, edge_index = torch.randn(20 + seed, 7), make(seed)
            if isinstance(edge_index, EdgeIndex):
                x = x[:20]
            torch.testing.assert_close(fused(x, edge_index), model(x, edge_index))
            plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
            plain[0] = plain[0].flip(0)
            torch.testing.assert_close(fused(x, edge_index), model(x, plain))


def test_batches_of_a_neighbor_loader():
    seed_everything(0)
    data = Data(x=torch.randn(60, 7), edge_index=torch.randint(60, (2, 400)))
    for name in ("gcn", "sage, mean", "gin", "gat"):
        model = MODELS[name]().eval()
        fused = accelerate(model)
        for batch in NeighborLoader(data, [4, 4, 4], batch_size=16):
            x, edges, sizes = batch.x, batch.edge_index, batch.num_sampled_nodes
            expected = model(x, edges.as_tensor())
            for form in (edges, edges.as_tensor()):
                torch.testing.assert_close(fused(x, form), expected, rtol=1e-4, atol=1e-5)
            counts = [int((edges[1] < sum(sizes[: hop + 1])).sum()) for hop in range(3)]
            per_hop = {
                "num_sampled_nodes_per_hop": sizes,
                "num_sampled_edges_per_hop": [counts[0], counts[1] - counts[0], counts[2] - counts[1]],
            }
            if model.jk_mode is not None:  # PyG does not trim the layers then
                continue
            trimmed = model(x, edges.as_tensor(), **per_hop)
            for form in (edges, edges.as_tensor()):
                torch.testing.assert_close(fused(x, form, **per_hop), trimmed, rtol=1e-4, atol=1e-5)


def test_heterogeneous_models():
    seed_everything(0)
    types = (["a", "b"], [("a", "to", "b"), ("b", "to", "a")])
    model = to_hetero(GraphSAGE((7, 7), 12, 2, 5), types)
    x = {"a": torch.randn(20, 7), "b": torch.randn(10, 7)}
    edges = {types[1][0]: edges_of("plain", 10), types[1][1]: edges_of("plain", 10)}
    for ours, theirs in zip(accelerate(model)(x, edges).values(), model(x, edges).values(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_half_precision_and_autocast_use_the_code_of_pyg():
    x, edge_index, model = torch.randn(20, 7), edges_of("plain"), SAGEConv(7, 5)
    fused = accelerate(model)
    with NativeCalls() as calls:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(fused(x, edge_index), model(x, edge_index))
        fused, model = accelerate(model).bfloat16(), model.bfloat16()
        torch.testing.assert_close(fused(x.bfloat16(), edge_index), model(x.bfloat16(), edge_index))
    assert not calls.names


@pytest.mark.parametrize("conv", [GCNConv, SAGEConv, GATConv, GATv2Conv])
def test_compiled_layers_use_the_code_of_pyg(conv):
    x, edge_index, model = torch.randn(20, 7), edges_of("plain"), conv(7, 5)
    compiled = torch.compile(accelerate(model), backend="eager", fullgraph=conv is SAGEConv)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x, edge_index), model(x, edge_index))


@needs_native
def test_layers_that_are_fused_already_are_reported_so():
    model = nn.ModuleList([FusedGATConv(7, 5), GATConv(7, 5)])
    assert [row[1:] for row in accelerate.report(accelerate(model))] == [
        ("FusedGATConv", True, ""),
        ("GATConv", True, ""),
    ]


def test_lazy_parameters_cannot_be_shared():
    model = SAGEConv(-1, 5)
    with pytest.raises(ValueError, match="expected initialized parameters to share, got lazy ones; run the model once"):
        accelerate(model)
    x, edge_index = torch.randn(20, 7), edges_of("plain")
    out = accelerate(model, inplace=True)(x, edge_index)
    torch.testing.assert_close(accelerate(model)(x, edge_index), out)


def test_only_modules_are_taken():
    with pytest.raises(ValueError, match=r"expected a torch.nn.Module, got str; pass a model or a layer"):
        accelerate("gcn")


def test_sizes_that_do_not_match_get_the_error_of_pyg():
    edge_index = EdgeIndex(edges_of("plain"), sparse_size=(20, 20))
    with pytest.raises(ValueError, match="expected size 20"):
        accelerate(SAGEConv(7, 5))(torch.randn(21, 7), edge_index)


@pytest.mark.parametrize("name", ["gcn, cached", "sage, mean", "gin", "gat", "gatv2"])
def test_saved_and_converted_models(tmp_path, name):
    seed_everything(0)
    model = MODELS[name]().eval()
    fused, edge_index, x = accelerate(model), edges_of("plain"), torch.randn(20, 7)
    out = fused(x, edge_index)
    torch.save(fused, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    torch.testing.assert_close(loaded(x, edge_index), out)
    other = MODELS[name]().eval()
    other.load_state_dict(fused.state_dict())
    torch.testing.assert_close(accelerate(other)(x, edge_index), out)
    changed = accelerate(copy.deepcopy(model)).to("cpu").double()
    torch.testing.assert_close(changed(x.double(), edge_index), out.double(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["sage, mean", "gin", "gat", "gatv2"])
def test_other_numbers_of_nodes(name):
    seed_everything(0)
    model = MODELS[name]().eval()
    fused, edge_index = accelerate(model), edges_of("plain")
    for nodes in (20, 33, 20, 21):
        x = torch.randn(nodes, 7)
        torch.testing.assert_close(fused(x, edge_index), model(x, edge_index), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_graphs_without_edges_or_nodes(name):
    seed_everything(0)
    model = MODELS[name]().eval()
    for nodes in (4, 0):
        x, edge_index = torch.randn(nodes, 7), torch.empty(2, 0, dtype=torch.long)
        try:
            out = model(x, edge_index)
        except Exception:
            continue  # PyG does not take it either
        if "cached" in name:
            model.convs.apply(lambda conv: setattr(conv, "_cached_edge_index", None))
        torch.testing.assert_close(accelerate(model)(x, edge_index), out)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_export_uses_the_code_of_pyg():
    model, x, edge_index = SAGEConv(7, 5).eval(), torch.randn(20, 7), edges_of("plain")
    program = torch.export.export(accelerate(model), (x, edge_index))
    assert not any("graphkit" in str(node.target) for node in program.graph.nodes)
    torch.testing.assert_close(program.module()(x, edge_index), model(x, edge_index))


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = SAGEConv(12, 8), GATConv(8, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.second(self.first(x, edge_index).relu(), edge_index)


def test_models_of_the_user_train_accelerated(tmp_path):
    seed_everything(0)
    y, model = torch.arange(60) % 3, Custom()
    data = Data(x=torch.randn(60, 12) + y[:, None], edge_index=torch.randint(60, (2, 300)), y=y)
    runs = [
        graphkit.fit(form, data, epochs=3, output=tmp_path / str(count))
        for count, form in enumerate((copy.deepcopy(model), accelerate(copy.deepcopy(model))))
    ]
    for theirs, ours in zip(*(run.metrics for run in runs), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
    assert runs[0].evaluate()["test"] == runs[1].evaluate()["test"]
    assert type(runs[1].model.module.first) is type(accelerate(SAGEConv(7, 5)))
