"""The can-and-cannot table against what the models do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from graphkit.data import GraphDataset, Split, load
from graphkit.data.dataset import TASKS
from graphkit.data.link_dataset import LinkDataset, split_links
from graphkit.errors import InputError
from graphkit.export.plain import plain_form
from graphkit.nn import GraphModel
from graphkit.nn.model_settings import model_settings_class
from graphkit.registry import get_model, model_names
from graphkit.sampling.link_loader import LinkLoader
from graphkit.tasks import make_task
from graphkit.training.build_model import check_graphs, make_model
from graphkit.training.fit_task import fit_task
from graphkit.training.train_config import TrainSettings
from graphkit.transforms import ShortestPaths

ROOT = Path(__file__).resolve().parents[2]
GRAPH_TASKS = {
    "node classification": "node-classification",
    "several labels per node": "multilabel-node-classification",
    "node regression": "node-regression",
    "graph classification": "graph-classification",
    "several yes-or-no targets per graph": "multitask-graph-classification",
    "graph regression": "graph-regression",
    "link prediction": "link-prediction",
}
CLIP_TASK = "skeleton-classification"
NONE = "–"


def read_table(page: str) -> dict[str, dict[str, str]]:
    """Returns the cells of the table that has a column for the model gcn, by row and model."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(r"\|[^|]*\| gcn ", line))
    head = [cell.strip() for cell in lines[start].strip("|").split("|")][1:]
    table = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        label, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        table[label] = dict(zip(head, cells, strict=True))
    return table


def graph(num_nodes: int = 5) -> Data:
    """Returns a directed path, each node of which sends to the next one."""
    sources = torch.arange(num_nodes - 1)
    generator = torch.Generator().manual_seed(num_nodes)
    x = torch.randn(num_nodes, 4, generator=generator)
    return Data(x=x, edge_index=torch.stack([sources, sources + 1]), num_nodes=num_nodes)


def dataset(task: str = "node-classification") -> GraphDataset:
    """Returns two graphs of a task, or one for nodes."""
    of_nodes = "node-" in task
    data = graph() if of_nodes else Batch.from_data_list([graph(), graph(6)])
    items = data.num_nodes if of_nodes else 2
    if task in ("node-classification", "graph-classification"):
        data.y, outputs = torch.arange(items) % 2, 2
    else:
        data.y, outputs = torch.ones(items, 3), 3
    ids = torch.arange(items)
    split = Split(ids, ids, ids)
    return GraphDataset("tiny", task, (data,), (split,), num_features=4, num_outputs=outputs, metric="")


def links() -> LinkDataset:
    """Returns the split edges of a directed graph."""
    nodes = torch.arange(12)
    edges = torch.cat([torch.stack([nodes, nodes.roll(-step)]) for step in (1, 2, 3)], dim=1)
    data = Data(x=torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), edge_index=edges, num_nodes=12)
    return split_links(GraphDataset("tiny", "", (data,), (), num_features=4, num_outputs=0, metric=""))


def model(name: str, data: GraphDataset, **options: Any) -> GraphModel:
    """Returns a model in evaluation mode."""
    torch.manual_seed(0)
    if name == "dgcnn":
        options = {"k": 2, "hidden_channels": 4, "num_layers": 2, **options}
    return make_model(model_settings_class(name).read({"name": name, **options}), data).eval()


def is_refused(function: Callable[[], object]) -> bool:
    try:
        function()
    except InputError:
        return True
    return False


def learns(name: str, task: str) -> str:
    """Returns whether a model makes outputs of which the loss of a task has gradients."""
    data = links() if task == "link-prediction" else dataset(task)
    if is_refused(lambda: model(name, data)):
        return NONE
    network, batch = model(name, data), data.graphs[0]
    if isinstance(data, LinkDataset):
        (batch,) = LinkLoader(data, data.splits[0].train, 8, torch.Generator().manual_seed(0))
    out = network(**network.inputs(batch))
    assert out.shape == ((len(batch.y),) if isinstance(data, LinkDataset) else (len(batch.y), data.num_outputs))
    make_task(task).loss(out, batch.y).backward()
    assert any(parameter.grad is not None for parameter in network.parameters())
    return "yes"


def edge_weights(name: str) -> str:
    """Returns how a model uses weights of edges."""
    cls = get_model(name)
    if cls.reads != "graphs" or not cls.uses_edges:
        return NONE
    if cls.uses_edge_weight:
        return "yes"
    uses = ["`edge_attr`"] * cls.takes_edge_attr + ["path lengths"] * cls.uses_paths
    return ", ".join(uses) or "no"


def negative_weights(name: str) -> str:
    """Returns whether a model takes weights of edges below zero."""
    if (use := edge_weights(name)) in (NONE, "no"):
        return NONE
    data = dataset()
    data.graphs[0].edge_weight = -torch.ones(data.graphs[0].num_edges)
    if use == "path lengths":
        return "no" if is_refused(lambda: ShortestPaths(weight="edge_weight")(data.graphs[0])) else "yes"
    network = model(name, data, **({"edge_attr": "edge_weight"} if "edge_attr" in use else {}))
    if is_refused(lambda: check_graphs(network, data)):
        return "no"
    out = network(**network.inputs(data.graphs[0]))
    data.graphs[0].edge_weight *= 2
    changed = network(**network.inputs(data.graphs[0]))
    return "yes" if out.isfinite().all() and not torch.equal(out, changed) else "no"


def directed(name: str) -> str:
    """Returns whether a node of a directed path depends on the one two hops before it, and on none after it."""
    if get_model(name).reads != "graphs" or not get_model(name).uses_edges:
        return NONE
    network, data = model(name, dataset()), dataset().graphs[0]
    x = data.x.clone().requires_grad_()
    data.x = x
    out = network(**network.inputs(data))
    (gradient,) = torch.autograd.grad(out[2].sum(), x)
    return "yes" if gradient[0].any() and not gradient[3:].any() else "no"


def edge_features(name: str) -> str:
    """Returns whether a model uses several numbers of each edge, if the data have them."""
    if edge_weights(name) == NONE:
        return NONE
    data = dataset()
    data.graphs[0].edge_attr = torch.rand(data.graphs[0].num_edges, 3)
    inputs = model(name, data).inputs(data.graphs[0])
    used = inputs.get("edge_attr")
    given = data.graphs[0].edge_attr  # rows of zeros for self loops may follow
    return "yes" if used is not None and torch.equal(used[: len(given)], given) else "no"


def exported(name: str) -> str:
    """Returns whether a model has a form that can be exported."""
    is_registered = any(issubclass(get_model(name), cls) for cls in plain_form.registry if cls is not object)
    return "yes" if is_registered else "not yet"


def predicts(name: str) -> str:
    """Returns whether a model has one output per node of a graph, or per clip, of another size than in training."""
    if get_model(name).reads == "graphs":
        network, new = model(name, dataset()), graph(9)
        return "yes" if network(**network.inputs(new)).shape == (9, 2) else "no"
    network = model(name, load("synthetic-skeleton", num_clips=10, frames=16), channels=[4], blocks=[1])
    new = load("synthetic-skeleton", num_clips=12, frames=30).graphs.batch(range(12))
    return "yes" if network(new.x, new.lengths).shape == (12, 6) else "no"


def class_weights(data: GraphDataset) -> str:
    """Returns whether the task of a data set has class weights."""
    settings = TrainSettings(class_weight="balanced")
    return "no" if is_refused(lambda: fit_task(data, data.splits[0], settings, training=True)) else "yes"


def derive(name: str) -> dict[str, str]:
    """Returns the cells of a model that follow from the code."""
    cls = get_model(name)
    of_graphs = cls.reads == "graphs"
    clips = load("synthetic-skeleton", num_clips=10)
    small = {} if of_graphs else {"channels": [4], "blocks": [1]}
    takes_nodes = of_graphs and model(name, dataset()).receptive_field(dataset().graphs[0]) is not None
    rows = {
        "input": cls.reads,
        **{row: learns(name, task) for row, task in GRAPH_TASKS.items()},
        "clip classification": NONE if is_refused(lambda: model(name, clips, **small)) else "yes",
        "edge weights": edge_weights(name),
        "edge weights below zero": negative_weights(name),
        "edge features (vectors)": edge_features(name),
        "directed edges": directed(name),
        "sparse features": ("yes" if cls.takes_sparse_features else "no") if of_graphs else NONE,
        "batches of nodes of one graph": ("yes" if takes_nodes else "no") if of_graphs else NONE,
        "predictions for new data": predicts(name),
        "export to ONNX and `.pt2`": exported(name),
        "class weights": class_weights(dataset() if of_graphs else clips),
        "CPU": "yes",
    }
    rows["heterogeneous graphs"] = "not yet" if of_graphs else NONE
    files = ("files of one graph", "files of many graphs", "folders of graph files", "tables of molecules (SMILES)")
    for row in (*files, "graphs in memory", "text, boolean and missing features"):
        rows[row] = "yes" if of_graphs else NONE
    rows["files of clips"] = NONE if of_graphs else "yes"
    return rows


def test_every_model_has_a_column() -> None:
    table = read_table("docs/can_and_cannot.md")
    assert all(sorted(row) == model_names() for row in table.values())


@pytest.mark.parametrize("name", model_names())
def test_cells_follow_from_the_code(name: str) -> None:
    table = read_table("docs/can_and_cannot.md")
    for row, cell in derive(name).items():
        assert table[row][name] == cell, row


def test_every_task_has_a_row() -> None:
    assert {*GRAPH_TASKS.values(), CLIP_TASK} == {*TASKS}


def test_graphs_in_memory_are_read_and_those_of_several_types_refused() -> None:
    graphs = [graph(5 + number % 2) for number in range(10)]
    for number, data in enumerate(graphs):
        data.y = torch.tensor([number % 2])
    assert load(graphs).task == "graph-classification"
    with pytest.raises(InputError):
        load(HeteroData())
