"""The graph baselines run on the fused operators and give what PyG's layers give."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.models import GAT, GCN

from graphkit.data.edges import sorted_edge_index
from graphkit.nn import GraphModel, accelerate
from graphkit.ops import backend
from graphkit.registry import get_model
from graphkit.sampling import NeighborLoader

NODES = 30
needs_native = pytest.mark.skipif(backend() != "native", reason="the native operators are not in use")


def graph(**attributes: Any) -> Data:
    generator = torch.Generator().manual_seed(0)
    edge_index = torch.randint(NODES, (2, 120), generator=generator)
    edge_index = edge_index[:, edge_index[1].argsort(stable=True)]
    x = torch.randn(NODES, 5, generator=generator, dtype=torch.float64)
    return Data(
        x=x, edge_index=sorted_edge_index(edge_index, NODES), y=torch.zeros(NODES, dtype=torch.long), **attributes
    )


def make(name: str, **options: Any) -> GraphModel:
    torch.manual_seed(0)
    return get_model(name)(5, 3, **{"hidden_channels": 8, **options}).double()


def operators(model: GraphModel, data: Data) -> set[str]:
    """Returns the names of the operators of a forward and a backward pass."""
    with torch.profiler.profile() as profile:
        model(**model.inputs(data)).sum().backward()
    return {event.key for event in profile.key_averages()}


def results(model: torch.nn.Module, inputs: dict[str, Any]) -> list[Tensor]:
    model.zero_grad()
    out = model(**inputs)
    (out * torch.arange(out.numel(), dtype=out.dtype).view_as(out)).sum().backward()
    return [out.detach(), *(parameter.grad for parameter in model.parameters())]


@needs_native
@pytest.mark.parametrize("name, weighted", [("gcn", False), ("gcn", True), ("gin", False), ("gat", False)])
def test_no_row_of_features_per_edge_is_made(name: str, weighted: bool) -> None:
    data = graph(edge_weight=torch.rand(120, dtype=torch.float64)) if weighted else graph()
    assert all(row.fused for row in accelerate.report(make(name)))
    for training in (True, False):
        used = operators(make(name).train(training), data)
        assert used & {"graphkit::aggregate_sum", "graphkit::path_attention"}
        assert not used & {"aten::index_add_", "aten::scatter_add_", "aten::scatter_reduce"} or weighted


@needs_native
@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("name, options", [("gcn", {}), ("gat", {}), ("gat", {"v2": True}), ("gin", {})])
def test_sparse_features_are_mapped_and_then_aggregated_by_the_fused_operators(name: str, options: dict) -> None:
    model, data = make(name, **options), graph()
    data.x = data.x.to_sparse_csr()
    assert not operators(model, data) & {"aten::index_add_", "aten::scatter_add_", "aten::scatter_reduce"}


@needs_native
def test_batches_of_nodes_run_on_the_fused_operators() -> None:
    for name in ("gcn", "gin", "gat"):
        model, data = make(name), graph()
        loader = NeighborLoader(model.prepare_for_sampling(data), num_neighbors=[-1, -1], batch_size=4)
        assert operators(model, next(iter(loader))) & {"graphkit::aggregate_sum", "graphkit::path_attention"}


@pytest.mark.parametrize(
    "name, peer, options",
    [
        ("gcn", GCN, {}),
        ("gcn", GCN, {"improved": True}),
        ("gcn", GCN, {"add_self_loops": False}),
        ("gcn", GCN, {"normalize": False}),
        ("gcn", GCN, {"aggr": "mean"}),
        ("gat", GAT, {"heads": 2, "v2": True}),
        ("gat", GAT, {"heads": 1, "hidden_channels": 24}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_results_are_those_of_pyg(name: str, peer: type, options: dict[str, Any], weighted: bool) -> None:
    model, data, options = make(name, dropout=0.0, **options), graph(), dict(options)
    if weighted and not model.uses_edge_weight:
        return
    if weighted:
        data.edge_weight = torch.rand(120, dtype=torch.float64)
    act = {"act": "elu"} if name == "gat" else {}
    widths = 5, options.pop("hidden_channels", 8), 2, 3
    plain = peer(*widths, **act, **options).double()
    plain.load_state_dict(model.body.state_dict())
    inputs = {"x": data.x, "edge_index": data.edge_index.as_tensor()}
    inputs |= {"edge_weight": data.edge_weight} if weighted else {}
    torch.testing.assert_close(results(model, model.inputs(data)), results(plain, inputs))


@pytest.mark.parametrize("name, aggr", [("gcn", "sum"), ("gin", "sum"), ("gin", "max"), ("gat", "sum")])
def test_hooks_on_messages_get_them_and_change_nothing(name: str, aggr: str) -> None:
    model, data = make(name, dropout=0.0, aggr=aggr), graph()
    expected, seen = results(model, model.inputs(data)), []
    for module in model.modules():
        if isinstance(module, MessagePassing):
            module.register_message_forward_hook(lambda *args: seen.append(args[-1]))
    torch.testing.assert_close(results(model, model.inputs(data)), expected)
    assert len(seen) == 2
