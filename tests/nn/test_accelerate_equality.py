"""Accelerated models and layers give the outputs and gradients of PyG's, for random options."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch_geometric import seed_everything
from torch_geometric.nn import (
    APPNP,
    MLP,
    ChebConv,
    EdgeConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    GINEConv,
    GraphConv,
    LGConv,
    PNAConv,
    SAGEConv,
    SGConv,
    TAGConv,
    TransformerConv,
)
from torch_geometric.nn.models import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE

from graphkit.nn import accelerate
from graphkit.ops import backend
from tests.nn.accelerated import NativeCalls, assert_same, edges_of

needs_native = pytest.mark.skipif(backend() != "native", reason="the native operators are not in use")
NODES, EDGES = 20, 90
DEGREES = torch.tensor([1, 2, 3, 4, 5, 3, 2])
NUM_MODELS = 60


@pytest.fixture(autouse=True)
def messages_in_blocks(monkeypatch):
    """Has `GINEConv` compute messages in blocks, as it does for many edges."""
    monkeypatch.setattr("graphkit.nn.fused.edge_messages._SMALL", 0)


def random_model(rng: random.Random) -> tuple[nn.Module, bool]:
    """Returns a model of PyG with random options, and whether it is given edge weights."""
    cls = rng.choice([GCN, GraphSAGE, GIN, GAT, GAT, PNA, EdgeCNN])
    options = {
        "num_layers": rng.randint(1, 3),
        "out_channels": rng.choice([None, 5]),
        "dropout": rng.choice([0.0, 0.4]),
        "act": rng.choice(["relu", "elu", "tanh"]),
        "act_first": rng.choice([True, False]),
        "norm": rng.choice([None, "batch_norm", "layer_norm", "graph_norm"]),
        "jk": rng.choice([None, "last", "cat", "max", "lstm"]),
    }
    weighted = False
    if cls is GCN:
        options["normalize"] = rng.choice([True, True, False])
        loops = options["normalize"] and rng.choice([True, False])
        cached = options["normalize"] and rng.choice([True, False])
        options |= {"add_self_loops": loops, "cached": cached, "improved": rng.choice([True, False])}
        weighted = rng.choice([True, False])
    elif cls is GraphSAGE:
        options["aggr"] = rng.choice(["mean", "sum", "max", "min", ["mean", "max"]])
        options |= {name: rng.choice([True, False]) for name in ("project", "normalize", "root_weight", "bias")}
    elif cls is GIN:
        options |= {"train_eps": rng.choice([True, False]), "eps": rng.choice([0.0, 0.3])}
    elif cls is GAT:
        options |= {name: rng.choice([True, False]) for name in ("v2", "concat", "residual", "bias", "add_self_loops")}
        options["heads"] = rng.choice([1, 2, 4])
        if options["v2"]:
            options["share_weights"] = rng.choice([True, False])
    elif cls is PNA:
        names = ["mean", "min", "max", "std", "var", "sum"]
        scalers = ["identity", "amplification", "attenuation", "linear", "inverse_linear"]
        options["aggregators"] = rng.sample(names, rng.randint(1, 4))
        options["scalers"] = rng.sample(scalers, rng.randint(1, 3))
        options |= {"deg": DEGREES, "towers": rng.choice([1, 1, 4]), "train_norm": rng.choice([True, False])}
    return cls(8, 12, **options), weighted


def compare(model: nn.Module, *inputs: object, dtype: torch.dtype = torch.float64, cancels: bool = False) -> None:
    """Compares a model in training and in evaluation."""
    for train in (True, False):
        model.train(train)
        assert_same(model, *inputs, dtype=dtype, cancels=cancels)


def check_random_model(seed: int, dtype: torch.dtype) -> None:
    rng = random.Random(seed)
    seed_everything(seed)
    model, weighted = random_model(rng)
    kind = "plain" if weighted else rng.choice(["plain", "EdgeIndex"])
    x, edge_index = torch.randn(NODES, 8, dtype=dtype), edges_of(kind, NODES, seed)
    weight = [torch.rand(EDGES, dtype=dtype) + 0.1] if weighted else []
    cancels = isinstance(model, PNA)  # its standard deviation is a difference of squares
    compare(model.to(dtype), x, edge_index, *weight, dtype=dtype, cancels=cancels)


@pytest.mark.parametrize("seed", range(0, NUM_MODELS, 5))
def test_some_random_models(seed):
    check_random_model(seed, torch.float64)


@pytest.mark.extended
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(NUM_MODELS))
def test_random_models(seed, dtype):
    check_random_model(seed, dtype)


def pna(width: int = 8, **options: object) -> PNAConv:
    return PNAConv(width, 12, ["mean", "min", "max", "std"], ["identity", "amplification"], DEGREES, **options)


def chain(*widths: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(*widths[:2]), nn.ReLU(), nn.Linear(*widths[1:]))


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "gcn": lambda: GCNConv(8, 5),
    "gcn, wider": lambda: GCNConv(8, 20),
    "gcn, improved": lambda: GCNConv(8, 5, improved=True),
    "gcn, cached": lambda: GCNConv(8, 5, cached=True, bias=False),
    "gcn, not normalized": lambda: GCNConv(8, 5, normalize=False),
    "tag": lambda: TAGConv(8, 5),
    "tag, wider": lambda: TAGConv(8, 20, K=2, bias=False),
    "tag, one hop, not normalized": lambda: TAGConv(8, 5, K=1, normalize=False),
    "tag, no hop": lambda: TAGConv(8, 5, K=0),
    "sg": lambda: SGConv(8, 5, K=3),
    "sg, wider": lambda: SGConv(8, 20, K=1, add_self_loops=False),
    "sg, cached": lambda: SGConv(8, 5, K=2, cached=True),
    "cheb": lambda: ChebConv(8, 5, K=4),
    "cheb, rw": lambda: ChebConv(8, 5, K=2, normalization="rw", bias=False),
    "lg": lambda: LGConv(),
    "lg, not normalized": lambda: LGConv(normalize=False),
    "appnp": lambda: APPNP(K=3, alpha=0.2),
    "appnp, cached": lambda: APPNP(K=2, alpha=0.2, cached=True, add_self_loops=False),
    "appnp, dropout": lambda: APPNP(K=3, alpha=0.2, dropout=0.4),
    "appnp, not normalized": lambda: APPNP(K=2, alpha=0.2, normalize=False),
    "graph": lambda: GraphConv(8, 5),
    "graph, mean": lambda: GraphConv(8, 20, aggr="mean", bias=False),
    "graph, max": lambda: GraphConv(8, 5, aggr="max"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weights", ["none", "constant", "differentiable", "with loops"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_edge_weights(name, weights, dtype):
    seed_everything(0)
    edge_index = edges_of("plain", NODES)
    if weights == "none":
        given = [None]
    else:
        edge_index = edge_index if weights == "with loops" else edge_index[:, edge_index[0] != edge_index[1]]
        given = [torch.rand(edge_index.size(1), dtype=dtype) + 0.1]
        given[0].requires_grad_(weights == "differentiable" and "cached" not in name)
    compare(LAYERS[name]().to(dtype), torch.randn(NODES, 8, dtype=dtype), edge_index, *given, dtype=dtype)
    if given[0] is not None and given[0].requires_grad:
        grads = []
        layer = LAYERS[name]().to(dtype).eval()
        for form in (layer, accelerate(layer)):
            out = form(torch.linspace(-1, 1, 8 * NODES, dtype=dtype).view(NODES, 8), edge_index, given[0])
            grads.append(torch.autograd.grad(out.square().sum(), given[0], allow_unused=True)[0])
        torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)


PAIRS: dict[str, Callable[[], nn.Module]] = {
    "sage": lambda: SAGEConv((8, 6), 5, root_weight=False),
    "sage, max": lambda: SAGEConv((8, 6), 5, aggr="max", project=True),
    "graph": lambda: GraphConv((8, 6), 5, aggr="mean"),
    "gat": lambda: GATConv((8, 6), 5, heads=2, dropout=0.3),
    "gat, no loops": lambda: GATConv((8, 6), 5, heads=2, add_self_loops=False, residual=True),
    "gat, one map": lambda: GATConv(8, 5, heads=2, concat=False),
    "gatv2": lambda: GATv2Conv((8, 6), 5, heads=2, dropout=0.3),
    "gatv2, no loops": lambda: GATv2Conv((8, 6), 5, heads=2, add_self_loops=False, residual=True),
    "gatv2, shared": lambda: GATv2Conv(8, 5, heads=2, share_weights=True),
    "transformer": lambda: TransformerConv((8, 6), 5, heads=2, dropout=0.3, beta=True),
    "transformer, no root": lambda: TransformerConv((8, 6), 5, root_weight=False, concat=False),
    "gin": lambda: GINConv(chain(8, 7, 5), train_eps=True),
    "edge": lambda: EdgeConv(chain(16, 7, 5)),
    "edge, mean": lambda: EdgeConv(MLP([16, 7, 5], dropout=0.3), aggr="mean"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_bipartite_layers(name):
    seed_everything(0)
    layer = PAIRS[name]().double()
    wide = name in ("gat, one map", "gatv2, shared", "gin", "edge", "edge, mean")
    x = torch.randn(NODES, 8).double().requires_grad_(), torch.randn(10, 8 if wide else 6).double().requires_grad_()
    edge_index = edges_of("plain", 10)
    for train in (True, False):
        compare(layer.train(train), x, edge_index)
        grads = []
        for form in (layer, accelerate(layer)):
            seed_everything(1)
            grads.append(torch.autograd.grad(form(x, edge_index).square().sum(), x, allow_unused=True))
        for ours, theirs in zip(*grads, strict=True):
            assert (ours is None) == (theirs is None)
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("heads", [1, 3])
def test_sources_without_targets(heads):
    x, edge_index = torch.randn(NODES, 8), edges_of("plain", 10)
    for layer in (GATConv(8, 5, heads=heads, add_self_loops=False), SAGEConv((8, 6), 5), GATConv(8, 5, heads=heads)):
        out = layer((x, None), edge_index, size=(NODES, 10))
        torch.testing.assert_close(accelerate(layer)((x, None), edge_index, size=(NODES, 10)), out)


ATTRIBUTED: dict[str, Callable[[], nn.Module]] = {
    "gat": lambda: GATConv(8, 5, heads=2, edge_dim=3),
    "gat, sum": lambda: GATConv(8, 5, heads=2, edge_dim=3, dropout=0.3, fill_value="add"),
    "gat, no loops": lambda: GATConv(8, 5, edge_dim=3, add_self_loops=False),
    "gat, ignored": lambda: GATConv(8, 5),
    "gatv2": lambda: GATv2Conv(8, 5, heads=2, edge_dim=3),
    "transformer": lambda: TransformerConv(8, 5, heads=2, edge_dim=3),
    "gine": lambda: GINEConv(chain(8, 7, 5), edge_dim=3, train_eps=True),
    "gine, mean": lambda: GINEConv(MLP([8, 7, 5], norm=None), edge_dim=3, aggr="mean"),
    "gine, max": lambda: GINEConv(chain(8, 7, 5), edge_dim=3, aggr="max"),
    "pna": lambda: pna(edge_dim=3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ATTRIBUTED)
def test_layers_with_edge_features(name, dtype):
    seed_everything(0)
    layer, edge_index = ATTRIBUTED[name]().to(dtype), edges_of("plain")
    attr = torch.randn(EDGES, 3, dtype=dtype, requires_grad=True)
    compare(layer, torch.randn(NODES, 8, dtype=dtype), edge_index, attr, dtype=dtype)
    grads = []
    x = torch.randn(NODES, 8, dtype=dtype)
    for form in (layer.eval(), accelerate(layer)):
        grads.append(torch.autograd.grad(form(x, edge_index, attr).square().sum(), attr, allow_unused=True)[0])
    assert (grads[0] is None) == (grads[1] is None)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("aggr", ["sum", "mean"])
def test_few_edges_keep_their_messages(monkeypatch, aggr):
    monkeypatch.setattr("graphkit.nn.fused.edge_messages._SMALL", EDGES * 8)
    monkeypatch.delattr("graphkit.nn.fused.edge_messages._SumOfRelus")
    layer = GINEConv(chain(8, 7, 5), edge_dim=3, aggr=aggr).double()
    compare(layer, torch.randn(NODES, 8).double(), edges_of("plain"), torch.randn(EDGES, 3).double())


def test_edge_features_as_wide_as_nodes():
    layer, attr = GINEConv(chain(8, 7, 5)).double(), torch.randn(EDGES, 8).double()
    compare(layer, torch.randn(NODES, 8).double(), edges_of("plain"), attr)
    with pytest.raises(ValueError, match="dimensionalities do not match"):
        accelerate(layer)(torch.randn(NODES, 8).double(), edges_of("plain"), attr[:, :3])


@pytest.mark.parametrize("towers, divided", [(1, False), (4, False), (4, True)])
def test_towers(towers, divided):
    seed_everything(0)
    layer = pna(towers=towers, divide_input=divided, post_layers=2).double()
    compare(layer, torch.randn(NODES, 8).double(), edges_of("plain"))


@needs_native
def test_second_derivatives():
    """Maps before and after the sums, of inputs that need a gradient."""
    edge_index = edges_of("plain", 6)[:, :12]
    for conv in (GCNConv(3, 2), GCNConv(2, 5), SAGEConv(3, 2), GINConv(nn.Linear(3, 2)), TAGConv(3, 2, K=2)):
        fused, width = accelerate(conv.double()), conv.in_channels if hasattr(conv, "in_channels") else 3
        x = torch.randn(6, width).double().requires_grad_()
        assert torch.autograd.gradgradcheck(lambda x, fused=fused: fused(x, edge_index), x)
    layer = accelerate(GINEConv(nn.Linear(3, 2), edge_dim=2, aggr="mean").double())
    inputs = torch.randn(6, 3).double().requires_grad_(), edge_index, torch.randn(12, 2).double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, attr: layer(x, edge_index, attr), inputs[::2])


@needs_native
@pytest.mark.parametrize("in_channels, out_channels, count", [(64, 4, 1), (4, 64, 1)])
def test_sums_are_of_the_narrower_features(in_channels, out_channels, count):
    x = torch.randn(NODES, in_channels)
    with NativeCalls() as calls:
        out = accelerate(GCNConv(in_channels, out_channels))(x, edges_of("plain"))
        out.sum().backward()
    assert len(calls.names) == (2 if in_channels > out_channels else 1)  # a sum of given features has no gradient


def test_output_can_be_changed_in_place():
    for conv in (GCNConv(8, 5), SAGEConv(8, 5), GATConv(8, 5), GINConv(nn.Linear(8, 5)), TAGConv(8, 5)):
        x = torch.randn(NODES, 8, requires_grad=True)
        accelerate(conv)(x, edges_of("plain")).relu_().sum().backward()
        assert x.grad is not None
