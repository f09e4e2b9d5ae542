"""One test over every registered model: whatever is added later is checked here too."""

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.nn import BatchNorm as PyGBatchNorm

from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.nn import DynamicEdgeConv, GraphModel, SkeletonModel
from graphkit.nn.sync_batch_norm import SyncBatchNorm1d, convert_sync_batchnorm
from graphkit.registry import get_model, model_names
from graphkit.testing import check_model, random_graphs
from tests.fitting import fit

IDS = torch.arange(3)
#: Models of skeleton clips read something else than graphs.
NAMES = [name for name in model_names() if not issubclass(get_model(name), SkeletonModel)]


def dataset(task: str, **changes: object) -> GraphDataset:
    description = GraphDataset(
        name="random",
        task=task,
        graphs=tuple(random_graphs(6)),
        splits=(Split(IDS[:1], IDS[1:2], IDS[2:]),),
        num_features=6,
        num_outputs=4,
        metric="accuracy",
    )
    return description.replace(**changes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", ["node-classification", "node-regression", "graph-classification"])
def test_is_made_from_a_data_set_and_runs(name: str, task: str) -> None:
    model = get_model(name).from_data(dataset(task))
    assert isinstance(model, GraphModel)
    check_model(model, 6)


@pytest.mark.parametrize("name", NAMES)
def test_embeds_categories(name: str) -> None:
    model = get_model(name).from_data(dataset("graph-regression", num_categories=5, num_outputs=1))
    graph = random_graphs(6)[0]
    graph.x = torch.randint(5, (graph.num_nodes,))
    assert model(**model.inputs(graph)).shape == (1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_takes_the_options_of_its_class(name: str) -> None:
    model = get_model(name).from_data(dataset("node-classification"), hidden_channels=16, dropout=0.1)
    graph = random_graphs(6)[0]
    assert model(**model.inputs(graph)).shape == (7, 4)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
@pytest.mark.parametrize("name", [name for name in NAMES if get_model(name).takes_sparse_features])
def test_sparse_features_give_the_same(name: str, layout: torch.layout) -> None:
    model = get_model(name).from_data(dataset("node-classification"), dropout=0.5)
    graph = random_graphs(6)[2]
    sparse = graph.clone()
    sparse.x = graph.x.to_sparse(layout=layout)
    expected = model.eval()(**model.inputs(graph))
    expected.sum().backward()
    gradients = [p.grad for p in model.parameters()]
    model.zero_grad()
    out = model(**model.inputs(sparse))
    torch.testing.assert_close(out, expected)
    out.sum().backward()
    torch.testing.assert_close([p.grad for p in model.parameters()], gradients)
    assert not torch.equal(model.train()(**model.inputs(sparse)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_with_sparse_features_ends_or_is_refused_before_it_begins(name: str, tmp_path: Path) -> None:
    data = {"name": "karate", "transforms": ["sparse-features"]}
    config = {"model": {"name": name}, "data": data, "train": {"epochs": 2}, "device": "cpu"}
    if get_model(name).takes_sparse_features:
        assert fit(config, tmp_path / "run")["test"] is not None
        return
    with pytest.raises(InputError, match="features must be dense .*; leave out `sparse-features`"):
        fit(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_attention_of_a_gat_may_have_a_dropout_of_its_own() -> None:
    model = get_model("gat").from_data(dataset("node-classification"), dropout=0.0, attention_dropout=0.9)
    graph = random_graphs(6)[2]
    assert [conv.dropout for conv in model.body.convs] == [0.9, 0.9]
    assert not torch.equal(model.train()(**model.inputs(graph)), model(**model.inputs(graph)))
    with pytest.raises(ValueError, match="`attention_dropout` must lie in"):
        get_model("gat").from_data(dataset("node-classification"), attention_dropout=1.5)


def test_the_last_layer_of_a_gat_may_have_heads_of_its_own() -> None:
    make = get_model("gat").from_data
    model = make(dataset("node-classification"), out_heads=1)
    assert model.body.convs[-1].heads == 1 and model.body.convs[0].heads == 8
    assert sum(p.numel() for p in make(dataset("node-classification", num_features=1433, num_outputs=7), out_heads=1)
               .parameters()) == 92_373  # as published  # fmt: skip
    check_model(make(dataset("graph-classification"), out_heads=2), 6)
    with pytest.raises(ValueError, match="`out_heads` must be at least 1 \\(got 0\\)"):
        make(dataset("node-classification"), out_heads=0)


@pytest.mark.parametrize("name", NAMES)
def test_weights_in_the_place_of_the_batch_are_refused(name: str) -> None:
    model, graph = get_model(name).from_data(dataset("node-classification")), random_graphs(6)[2]
    third = {"batch": torch.rand(graph.num_edges)} if name == "spagan" else None  # its third argument is `paths`
    with pytest.raises(InputError, match="`batch` to hold the graph of each of the 12 nodes"):
        model(graph.x, graph.edge_index, **third) if third else model(graph.x, graph.edge_index, torch.rand(36))


@pytest.mark.parametrize("name", ["gat", "gatv2", "gcn", "gin", "gine", "mlp", "sage"])
def test_baselines_of_graphs_have_defaults_of_their_own(name: str) -> None:
    graphs = get_model(name).from_data(dataset("graph-classification"))
    assert (graphs.num_layers, graphs.dropout) == (4, 0.0)
    assert graphs.readout == ("sum" if name in ("gin", "gine") else "mean")
    assert any(isinstance(module, torch.nn.BatchNorm1d) for module in graphs.modules())
    nodes = get_model(name).from_data(dataset("node-classification"))
    assert (nodes.num_layers, nodes.dropout, nodes.readout) == (2, 0.5, None)
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in nodes.modules())
    changed = get_model(name).from_data(dataset("graph-classification"), num_layers=2, dropout=0.3, readout="max")
    assert (changed.num_layers, changed.dropout, changed.readout) == (2, 0.3, "max")


@pytest.mark.parametrize("name", ["gat", "gatv2", "gcn", "gin", "gine", "mlp", "sage"])
def test_a_batch_of_one_node_can_be_trained_on(name: str) -> None:
    model, graph = get_model(name).from_data(dataset("graph-classification")).train(), random_graphs(6)[1]
    assert graph.num_nodes == 1
    model(**model.inputs(Batch.from_data_list([graph]))).sum().backward()


def test_shared_norms_of_baselines_wait_for_the_other_processes() -> None:
    model = get_model("gin").from_data(dataset("graph-classification"))
    convert_sync_batchnorm(model)
    norms = [module for module in model.modules() if isinstance(module, PyGBatchNorm)]
    assert norms and all(norm.module.takes_one and not norm.allow_single_element for norm in norms)


def test_shared_norms_take_the_place_of_all_norms() -> None:
    norm = torch.nn.BatchNorm1d(4, eps=0.01, momentum=0.3)
    model = torch.nn.ModuleDict({
        "first": torch.nn.Sequential(torch.nn.Linear(4, 4), norm),
        "list": torch.nn.ModuleList([norm, torch.nn.BatchNorm1d(4, affine=False, track_running_stats=False)]),
        "edges": DynamicEdgeConv(4, 4, 2),
    }).eval()  # fmt: skip
    names, before = list(model.state_dict()), dict(model.named_parameters())
    convert_sync_batchnorm(model)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert len(norms) == 3 and all(isinstance(module, SyncBatchNorm1d) for module in norms)
    assert model["list"][0] is model["first"][1] is not norm and isinstance(model["edges"].norm, SyncBatchNorm1d)
    assert type(norm) is torch.nn.BatchNorm1d and (norms[0].eps, norms[0].momentum) == (0.01, 0.3)
    assert list(model.state_dict()) == names and not norms[0].training
    assert all(parameter is before[name] for name, parameter in model.named_parameters())
    convert_sync_batchnorm(model)
    assert len({id(module.together) for module in norms}) == 1 and model["first"][1] is norms[0]


def test_the_last_perceptron_of_gin_is_as_wide_as_the_others() -> None:
    """With one target, a single hidden unit would be the only way out, which can be dead from the beginning."""
    model = get_model("gin").from_data(dataset("node-regression", num_outputs=1), hidden_channels=16)
    assert [conv.nn.channel_list for conv in model.body.convs] == [[6, 16, 16], [16, 16, 1]]
