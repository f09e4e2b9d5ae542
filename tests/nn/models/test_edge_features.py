"""Edge features of every model that takes them: what the model computes, and what each kind of data set gives it."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, GATv2Conv, GINEConv

from graphkit.data import GraphDataset
from graphkit.data.collection import GraphCollection
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.nn.model_settings import model_settings_class
from graphkit.registry import get_model, model_names
from graphkit.testing import random_graphs
from graphkit.training.build_model import unused_weights
from tests.nn.models.test_registered import dataset

NAMES = [name for name in model_names() if get_model(name).takes_edge_attr]
#: Layers of PyG with vectors as edge features.
LAYERS = {"gat": GATConv, "gatv2": GATv2Conv, "gine": GINEConv}


def graphs(width: int = 3) -> list[Data]:
    """Returns random graphs with edge features, one of them without edges."""
    generator = torch.Generator().manual_seed(3)
    data = random_graphs(6)
    for graph in data:
        graph.edge_attr = torch.randn(graph.num_edges, width, generator=generator)
        graph.edge_weight = torch.rand(graph.num_edges, generator=generator)
    return data


def bonds(task: str = "graph-classification", width: int = 3) -> GraphDataset:
    return dataset(task, graphs=GraphCollection.from_list(graphs(width)))


def make(name: str, data: GraphDataset, **options: Any) -> Any:
    torch.manual_seed(0)
    return get_model(name).from_data(data, **{"hidden_channels": 16, "dropout": 0.0, **options}).eval()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", ["node-classification", "graph-classification", "node-regression"])
def test_vectors_of_edges_are_used_by_default_and_change_the_output(name: str, task: str) -> None:
    model, data = make(name, bonds(task)), graphs()
    batch = Batch.from_data_list(data)
    inputs = model.inputs(batch)
    assert inputs["edge_attr"].shape == (inputs["edge_index"].size(1), 3) and "edge_weight" not in inputs
    out = model(**inputs)
    changed = model(**{**inputs, "edge_attr": inputs["edge_attr"].flip(0)})
    assert out.shape == changed.shape and not torch.allclose(out, changed)
    alone = torch.cat([model(**model.inputs(Batch.from_data_list([graph]))) for graph in data])
    torch.testing.assert_close(alone, out)
    without = make(name, bonds(task), edge_attr=None)
    assert without.edge_attr is None and "edge_attr" not in without.inputs(batch)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_edges_does_not_matter(name: str) -> None:
    model, graph = make(name, bonds("node-classification")), graphs()[2]
    out = model(**model.inputs(graph))
    order = torch.randperm(graph.num_edges)
    graph.edge_index, graph.edge_attr = graph.edge_index[:, order], graph.edge_attr[order]
    torch.testing.assert_close(model(**model.inputs(graph)), out)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_give_what_those_of_pyg_give(name: str) -> None:
    model, graph = make(name, bonds("node-classification")), graphs()[2]
    conv = model.body.convs[0]
    if name == "gine":
        plain = GINEConv(conv.nn, edge_dim=3)
    else:
        plain = LAYERS[name](6, conv.out_channels, heads=8, edge_dim=3, fill_value=0.0)
    plain.load_state_dict(conv.state_dict())
    expected = plain(graph.x, graph.edge_index, graph.edge_attr)
    torch.testing.assert_close(conv(graph.x, graph.edge_index, edge_attr=graph.edge_attr), expected)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_features_on_request(name: str) -> None:
    model, batch = make(name, bonds(), edge_attr="edge_weight"), Batch.from_data_list(graphs())
    assert model.uses_edge_weight and model.edge_dim == 1
    weights = set(model.inputs(batch)["edge_attr"].flatten().tolist())
    assert len(weights) > 1 and weights - {0.0} <= set(batch.edge_weight.tolist())  # 0 at self loops that are added
    other = make(name, bonds())
    assert not other.uses_edge_weight


@pytest.mark.parametrize("name", NAMES)
def test_other_widths_and_absent_attributes_are_refused_in_one_line(name: str) -> None:
    model, (graph, *_) = make(name, bonds()), graphs(2)
    with pytest.raises(InputError, match="3 numbers for each of the 21 edges, got 'edge_attr' .\\[21, 2\\]."):
        model.inputs(graph)
    del graph.edge_attr
    with pytest.raises(InputError, match="got 'edge_attr' .no such attribute.; name another one, or leave it out"):
        model.inputs(graph)
    with pytest.raises(InputError, match="`edge_dim` must be at least 1"):
        get_model(name)(4, 3, edge_attr="edge_attr", edge_dim=0)
    with pytest.raises(InputError, match="`edge_attr` must be the name of an attribute"):
        get_model(name)(4, 3, edge_attr=3)


@pytest.mark.parametrize("name", NAMES)
def test_edge_features_of_width_zero_are_not_used(name: str) -> None:
    data = bonds(width=0)  # such as of molecules without any bond
    model = make(name, data)
    assert model.edge_attr is None
    assert "edge_attr" not in unused_weights(model_settings_class(name)(), DataSettings(), model, data)
    with pytest.raises(InputError, match="`edge_dim` must be at least 1 .got 0."):
        make(name, data, edge_attr="edge_attr")


def test_gine_sums_messages_of_zero_edge_features_without_any() -> None:
    plain, graph = make("gine", dataset("node-classification")), graphs()[2]
    zeros = plain(graph.x, graph.edge_index, edge_attr=torch.zeros(graph.num_edges, 1))
    torch.testing.assert_close(plain(**plain.inputs(Data(x=graph.x, edge_index=graph.edge_index))), zeros)


def test_sums_of_gine_do_not_saturate_in_half_precision() -> None:
    conv = make("gine", dataset("node-classification")).body.convs[0]
    sums = conv.aggregate(torch.ones(3000, 1).half(), torch.zeros(3000, dtype=torch.long), None, 1)
    assert sums.dtype == torch.half and sums.item() == 3000  # 2048 if summed in half precision
