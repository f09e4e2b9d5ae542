"""Edge features and learned costs of the model SPAGAN."""

from copy import copy
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import remove_self_loops

import graphkit
from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.experiments import write_paths
from graphkit.nn import SPAGAN, SPAGANConv
from graphkit.nn.attended_paths import attended_paths
from graphkit.sampling import ShortestPathLoader
from graphkit.testing import random_graph
from graphkit.transforms import ShortestPaths, StoredPaths

OPTIONS = {"in_channels": 4, "out_channels": 3, "hidden_channels": 8, "heads": 2, "dropout": 0.0, "edge_dim": 2}


def graph() -> Data:
    torch.manual_seed(0)
    edge_index = remove_self_loops(random_graph(30, 100))[0][:, :90]
    return Data(x=torch.randn(30, 4), edge_index=edge_index, edge_attr=torch.randn(90, 2), edge_length=torch.rand(90))


def out_of(model: SPAGAN, data: Data) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**model.inputs(data))


def in_path_phase(model: SPAGAN, data: Data) -> SPAGAN:
    assert model.begin_sampled_phase(data)
    return model


def test_outputs_depend_on_edge_features_in_every_phase() -> None:
    data, model = graph(), SPAGAN(**OPTIONS, edge_attr="edge_attr")
    other = copy(data)
    other.edge_attr = data.edge_attr.flip(0)
    assert not torch.allclose(out_of(model, data), out_of(model, other))
    in_path_phase(model, data)
    assert not torch.allclose(model.edge_costs(data)[1], model.edge_costs(other)[1])
    paths = model.prepare(data)
    torch.testing.assert_close(out_of(model, paths), out_of(model, data))
    paths.edge_attr = other.edge_attr  # the same paths
    assert not torch.allclose(out_of(model, paths), out_of(model, data))
    loops = copy(data)  # self loops have no part of their own, wherever they come from
    nodes = torch.arange(30).expand(2, -1)
    loops.edge_index, loops.edge_attr = (
        torch.cat([data.edge_index, nodes], 1),
        torch.ones(120, 2).index_copy(0, torch.arange(90), data.edge_attr),
    )
    torch.testing.assert_close(out_of(model, loops), out_of(model, data))


def test_attention_costs_are_those_of_the_first_layer_with_edges() -> None:
    data, model = graph(), SPAGAN(**OPTIONS, edge_attr="edge_attr", share_transform=True)
    inputs = model.eval().inputs(data)
    alpha = model(**inputs, return_attention=True)[1][0].alpha[0].mean(dim=1).detach()
    in_path_phase(model, data)
    moves = inputs["edge_index"][0] != inputs["edge_index"][1]
    cost = model.edge_costs(data)[1]
    torch.testing.assert_close(cost[moves], 1 - alpha[moves] / alpha[moves].max())
    clone = SPAGAN(**OPTIONS, edge_attr="edge_attr")
    clone.load_state_dict(model.state_dict())
    torch.testing.assert_close(out_of(clone, data), out_of(model, data))
    assert "guide_edge" not in SPAGAN(**OPTIONS).state_dict()


@pytest.mark.parametrize("kind", ["attention", "transform", "files"])
def test_batches_of_nodes_give_the_outputs_of_the_graph(kind: str, tmp_path: Path) -> None:
    data, model = graph(), SPAGAN(**OPTIONS, edge_attr="edge_attr", num_layers=3, path_layers=2)
    options: dict = {"max_hops": 2, "ratio": 0.5, "num_layers": 3, "path_layers": 2}
    whole = copy(data)
    if kind == "attention":
        in_path_phase(model, data)
        graph_ = model.with_edge_costs(data)
        options["weight"] = "path_length"
    elif kind == "transform":
        whole = graph_ = ShortestPaths(2, 0.5, "edge_length")(copy(data))
    else:
        write_paths(data, tmp_path / "paths", max_hops=2, ratio=0.5, weight="edge_length")
        whole = ShortestPaths(2, 0.5, "edge_length")(copy(data))
        graph_, options["paths"] = StoredPaths(str(tmp_path / "paths"))(data), tmp_path / "paths"
    expected = out_of(model, whole)
    loader = ShortestPathLoader(graph_, 7, **options, edge_attr="edge_attr")
    out = torch.cat([out_of(model, batch)[: batch.batch_size] for batch in loader])
    torch.testing.assert_close(out, expected)


def test_loader_names_an_attribute_that_is_missing() -> None:
    with pytest.raises(ValueError, match="expected `edge_attr` to name an edge attribute, got 'bond'"):
        ShortestPathLoader(graph(), 7, edge_attr="bond")


def test_costs_of_edges_follow_the_weights_of_the_first_layer() -> None:
    data, model = graph(), SPAGAN(**OPTIONS, edge_attr="edge_attr", costs="edges")
    assert not model.has_next_phase and model.receptive_field(data) is None and model.begin_phase(data) is None
    before = model.inputs(data)["paths"]
    torch.testing.assert_close(model.edge_costs(data)[1][:90], model.convs[0].edge_costs(data.edge_attr))
    model(**model.inputs(data)).square().sum().backward()
    assert model.convs[0].att_edge.grad.abs().sum() > 0
    with torch.no_grad():
        model.convs[0].att_edge.mul_(-3)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.inputs(data)["paths"], strict=True))
    paths = attended_paths(model, data, [3])[3]
    assert all(path.cost is not None for path in paths)
    data.y, items = torch.arange(30) % 3, torch.arange(30)
    parts = (Split(items[:10], items[10:20], items[20:]),)
    dataset = GraphDataset("d", "node-classification", (data,), parts, 4, 3, "accuracy")
    assert SPAGAN.from_data(dataset).convs[1].edge_dim == 2
    assert SPAGAN.from_data(dataset, edge_attr=None).convs[0].edge_dim is None
    dataset = GraphDataset("d", "node-classification", (ShortestPaths()(data),), parts, 4, 3, "accuracy")
    with pytest.raises(ValueError, match="expected a graph without paths with costs='edges'"):
        SPAGAN.from_data(dataset, costs="edges")
    with pytest.raises(ValueError, match="expected `edge_attr` with costs='edges', got none"):
        SPAGAN(**OPTIONS, costs="edges")


def test_costs_of_edges_are_learned_from_many_graphs(tmp_path: Path) -> None:
    graphs = [graph() for _ in range(10)]
    for number, data in enumerate(graphs):
        data.y = torch.tensor([number % 2])
    options = {"model.costs": "edges", "model.hidden_channels": 8}
    run = graphkit.fit("spagan", graphs, epochs=1, output=tmp_path / "run", set=options)
    assert run.model.has_costs and run.model.edge_dim == 2
    with pytest.raises(InputError, match="expected a graph without paths with costs='edges'"):
        graphkit.fit("spagan", graphs, set={**options, "data.transforms": ["shortest-paths"]})


@pytest.mark.parametrize("costs", ["attention", "edges"])
def test_paths_have_the_features_of_the_cheapest_parallel_edge(costs: str) -> None:
    data = graph()
    data.edge_index, data.edge_attr = data.edge_index.repeat(1, 2), torch.randn(180, 2)
    model = SPAGAN(**OPTIONS, edge_attr="edge_attr", costs=costs)
    if costs == "attention":
        in_path_phase(model, data)
    inputs = model.inputs(data)
    edge_index, cost = model.edge_costs(data)
    cheapest: dict[tuple[int, int], int] = {}
    for number, ends in enumerate(zip(*edge_index.tolist(), strict=True)):
        if ends not in cheapest or cost[number] < cost[cheapest[ends]]:
            cheapest[ends] = number
    assert any(number >= 90 for ends, number in cheapest.items() if ends[0] != ends[1])
    for path_index, attr in zip(inputs["paths"], inputs["path_attr"], strict=True):
        for nodes, row in zip(path_index.t().tolist(), attr, strict=True):
            rows = [torch.zeros(2) if a == b else data.edge_attr[cheapest[a, b]] for a, b in pairwise(nodes)]
            torch.testing.assert_close(row, torch.stack(rows).mean(0))
    if costs == "edges":  # as in the layer
        layer = SPAGANConv(4, 4, heads=2, ratio=0.5, edge_dim=2, learn_costs=True)
        layer.load_state_dict(model.convs[0].state_dict())
        torch.testing.assert_close(
            layer(data.x, data.edge_index, edge_attr=data.edge_attr),
            model.convs[0](data.x, inputs["paths"], edge_attr=inputs["path_attr"]),
        )
        return
    costly = model.with_edge_costs(data)
    loader = ShortestPathLoader(costly, 7, 2, 0.5, weight="path_length", num_layers=2, edge_attr="edge_attr")
    out = torch.cat([out_of(model, batch)[: batch.batch_size] for batch in loader])
    torch.testing.assert_close(out, out_of(model, data))


def test_edge_features_of_parallel_edges_and_of_graphs_without_edges() -> None:
    data, model = graph(), SPAGAN(**{**OPTIONS, "edge_dim": 1}, edge_attr="edge_length", readout="mean")
    data.edge_index, data.edge_length = data.edge_index.repeat(1, 2), data.edge_length.repeat(2)
    assert out_of(model, data).isfinite().all()
    data.edge_index, data.edge_length = data.edge_index[:, :0], data.edge_length[:0]
    assert out_of(in_path_phase(model, data), data).isfinite().all()
