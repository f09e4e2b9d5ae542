"""Folders of graph files, and targets of the nodes of many graphs."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import graphkit
from graphkit.data import load
from graphkit.data.user import load_own
from graphkit.data.user.clips import holds_clips
from graphkit.errors import InputError

FILES = tuple(f"g{k}.{('graphml', 'gexf', 'gml')[k % 3]}" for k in range(12))
ROWS = [f"{name},{'xy'[k % 2]},{('train', 'val', 'test')[k // 4]}" for k, name in enumerate(FILES)]


def example(number: int) -> networkx.Graph:
    graph = networkx.path_graph(3 + number % 3)
    for node, row in graph.nodes(data=True):
        row.update(age=node * 1.5, kind="rs"[node % 2])
    return graph


def folder_of(folder: Path, rows: list[str] | None = None, columns: str = "file,label,split") -> Path:
    for number, name in enumerate(FILES):
        getattr(networkx, f"write_{name.rpartition('.')[2]}")(example(number), folder / name)
    if rows is not None:
        (folder / "labels.csv").write_text("\n".join([columns, *rows]) + "\n")
    return folder


def test_each_file_is_a_graph_with_its_name_as_id(tmp_path: Path) -> None:
    dataset = load(folder_of(tmp_path, ROWS))
    assert (dataset.task, dataset.level, dataset.graph_names) == ("graph-classification", "graph", FILES)
    assert dataset.graphs.graph["y"].tolist() == [0, 1] * 6 and dataset.class_names == ("x", "y")
    assert [part.numel() for part in vars(dataset.splits[0]).values()] == [4, 4, 4] and dataset.notes == ()
    for number in range(3):  # the three formats are read alike
        data = dataset.graphs[number]
        assert data.num_nodes == 3 + number and data.num_edges == 2 * (2 + number)
        assert data.x[:2].tolist() == [[0.0, 1.0, 0.0], [1.5, 0.0, 1.0]]  # age, kind=r, kind=s
    assert graphkit.fit("gin", tmp_path, epochs=1, output=tmp_path / "run").result["test"]


def test_new_folders_and_single_files_fit_the_training_data(tmp_path: Path) -> None:
    dataset = load(folder_of(tmp_path, ROWS))
    (tmp_path / "labels.csv").write_text("file,label\ng1,y\n")  # of one graph only
    new = load_own(tmp_path, {}, like=dataset)
    assert new.graph_names[0] == "g1.gexf" and sorted(new.graph_names) == sorted(FILES) and new.splits == ()
    assert new.graphs.graph["y"].tolist() == [1, *[-1] * 11] and new.num_features == dataset.num_features
    (tmp_path / "labels.csv").unlink()
    assert load_own(tmp_path, {}, like=dataset).graphs.graph["y"].tolist() == [-1] * 12
    one = load_own(tmp_path / FILES[2], {}, like=dataset)
    assert len(one.graphs) == 1 and one.graphs[0].x.shape == (5, 3) and one.graphs[0].num_edges == 8


BAD = {
    "no such file": (["g99,x,"], "line 2, column 'file': must name a graph in the folder .got 'g99': none"),
    "twice": ([*ROWS, "g1,x,"], "line 14, column 'file': 'g1' is already in line 3; remove one"),
    "one class": ([f"{name},x," for name in FILES], "labels.csv': all labels are 'x'"),
    "no row": ([], "lists no graph"),
    "word": ([*ROWS[:-1], f"{FILES[-1]},y,later"], "must be train, val, test or empty .got 'later'"),
}


@pytest.mark.parametrize(("rows", "message"), BAD.values(), ids=BAD)
def test_mistakes_in_the_table_are_one_clear_line(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load(folder_of(tmp_path, rows))
    assert "\n" not in str(error.value)


def test_a_folder_without_targets_or_with_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no graph has a target .looked for `label` and `y`.*labels.csv"):
        load(folder_of(tmp_path))
    folder_of(tmp_path, ROWS)
    for name, kind in ((FILES[0], "GraphML"), (FILES[1], "GEXF"), (FILES[2], "GML")):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=f"'.*{name}' cannot be read as {kind}"):
            load(tmp_path)
        (tmp_path / name).write_bytes(content)
    torch.save(Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0], [1]])), tmp_path / "t.pt")
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *ROWS, "t.pt,x,train"]))
    with pytest.raises(InputError, match="t.pt': its features must be named attributes"):
        load(tmp_path)


def test_regression_with_gaps_and_a_time(tmp_path: Path) -> None:
    rows = [f"{name},{k / 2},{k if k % 3 else ''},{20 - k}" for k, name in enumerate(FILES)]
    dataset = load(folder_of(tmp_path, rows, "file,logS,logP,time"), target="logS,logP")
    assert (dataset.task, dataset.class_names, dataset.metric) == ("graph-regression", ("logS", "logP"), "mae")
    y = dataset.graphs.graph["y"]
    assert y[1].tolist() == [0.5, 1.0] and y[:, 1].isnan().tolist() == [True, False, False] * 4
    assert dataset.splits[0].train.tolist() == [5, 6, 7, 8, 9, 10, 11] and dataset.splits[0].test.tolist() == [0, 1]
    assert dataset.graphs.graph["time"].tolist() == [20 - k for k in range(12)]
    assert any("by `time`" in note for note in dataset.notes) and "labels.csv'" in dataset.notes[0]
    assert load(tmp_path, target="logS,logP", split="0.5,0.25,0.25").splits[0].train.tolist() != [6, 7, 8, 9, 10, 11]


def test_graphs_at_one_time_stay_together(tmp_path: Path) -> None:
    graphs = [
        Data(x=torch.rand(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([k / 3]), time=k // 4)
        for k in range(20)
    ]
    split = graphkit.load(graphs).splits[0]
    assert [part.tolist() for part in (split.val, split.test)] == [[12, 13, 14, 15], [16, 17, 18, 19]]
    for graph in graphs:
        graph.time = 1
    with pytest.raises(InputError, match="the split by `time` leaves no train item .got 1 times of 20 items"):
        graphkit.load(graphs)


def test_tables_and_arrays_may_be_the_graphs(tmp_path: Path) -> None:
    pairs, arrays = tmp_path / "pairs", tmp_path / "arrays"
    for number in range(6):
        folder = pairs / f"p{number}"
        folder.mkdir(parents=True)
        (folder / "nodes.csv").write_text("id,age,label\na,1,x\nb,2,y\nc,3,\n")
        (folder / "edges.csv").write_text("source,target\na,b\nb,c\n")
    dataset = load(pairs, split="0.5,0.25,0.25")
    assert (dataset.task, dataset.level, len(dataset.graphs)) == ("node-classification", "node", 6)
    assert dataset.graph_names[1] == "p1" and dataset.node_names[:4] == ("a", "b", "c", "a")
    assert dataset.graphs.node["y"].tolist() == [0, 1, -1] * 6 and dataset.graphs[0].num_edges == 4
    arrays.mkdir()
    for number in range(6):
        y = np.array([number, np.nan, 0.5])
        np.savez(arrays / f"{number}.npz", x=np.ones((3, 1)), edge_index=np.array([[0, 1], [1, 2]]), y=y)
    dataset = load(arrays, split="0.5,0.25,0.25")
    assert (dataset.task, dataset.level) == ("node-regression", "node") and dataset.graphs[4].y[0] == 4
    assert dataset.graphs.node["y"].isnan().sum() == 6
    with pytest.raises(InputError, match="0.npz': `y` must be one class or number"):
        load(arrays, task="graph-regression")


def test_a_folder_of_clips_is_no_folder_of_graphs(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.npy,x\n")
    (tmp_path / "model.pt").write_bytes(b"")
    assert holds_clips(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.graphml,x\n")
    networkx.write_graphml(example(0), tmp_path / "a.graphml")
    assert not holds_clips(tmp_path)


def nodes_of_many(count: int = 8, **changes: Any) -> list[Data]:
    graphs = [
        Data(x=torch.rand(3 + k, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.rand(3 + k))
        for k in range(count)
    ]
    for name, value in changes.items():
        graphs[1][name] = value
    return graphs


def test_nodes_of_many_graphs_have_targets_and_gaps(tmp_path: Path) -> None:
    graphs = nodes_of_many(y=None)
    for number, graph in enumerate(graphs):
        graph.split = ("train", "val", "test")[number % 3] if number != 1 else ""
    dataset = graphkit.load(graphs)
    assert (dataset.task, dataset.level) == ("node-regression", "node")
    assert bool(dataset.graphs[1].y.isnan().all()) and torch.equal(dataset.graphs[2].y, graphs[2].y[:, None])
    assert "1 of 8 graphs have no target, such as graph 1" in dataset.notes[1]
    drawn = graphkit.load(graphs, split="0.5,0.25,0.25").splits[0]
    assert sorted(torch.cat([drawn.train, drawn.val, drawn.test]).tolist()) == [0, *range(2, 8)]
    graphs[1].split = "train"
    with pytest.raises(InputError, match="graph 1 is in the train part but has no label"):
        graphkit.load(graphs)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"y": torch.rand(3)}, {"task": "node-regression"}, "graph 1: `y` must have one row for each of its 4 nodes"),
        ({"y": torch.rand(4, 2)}, {}, "graph 1: `y` must have as many entries in every graph .got 2, graph 0 has 1"),
        ({"y": torch.tensor([1, 2, 3, torch.inf])}, {}, "graph 1: `y` of node 3 must be a finite number"),
        ({}, {"task": "graph-regression"}, "graph 0: `y` must be one class or number"),
        ({"edge_attr": torch.rand(3, 1)}, {}, ""),
    ],
)
def test_targets_of_nodes_that_do_not_fit_are_named(changes: dict, options: dict, message: str) -> None:
    if not message:  # edge attributes of one graph alone are noted
        assert "not used: `edge_attr`" in graphkit.load(nodes_of_many(**changes), **options).notes[0]
        return
    with pytest.raises(InputError, match=message) as error:
        graphkit.load(nodes_of_many(**changes), **options)
    assert "\n" not in str(error.value)


def test_edge_attributes_of_all_graphs_are_kept() -> None:
    graphs = nodes_of_many()
    for graph in graphs:
        graph.edge_attr = torch.rand(2)
    dataset = graphkit.load(graphs)
    assert dataset.graphs[3].edge_attr.shape == (2, 1)
    graphs[1].edge_attr = torch.rand(3)
    with pytest.raises(InputError, match="graph 1: `edge_attr` must have one row for each of the 2 edges"):
        graphkit.load(graphs)


@pytest.mark.parametrize("content", ["words", "numbers", "keys", "short", "deep"])
def test_hostile_lists_of_graphs_are_one_clear_line(tmp_path: Path, content: str) -> None:
    graph = {"edge_index": torch.tensor([[0], [1]]), "y": torch.tensor([1.5]), "node_names": ["a", "b"]}
    attributes: Any = {
        "words": ["x"],
        "numbers": {"a": [1, 2]},
        "keys": {1: ["x", "y"], "b": ["x", "y"]},
        "short": {"a": ["x"]},
    }
    graphs = [
        Data(**graph, node_attributes=attributes.get(content, {"a": [["x"], ["y"]]}), graph_file=5) for _ in range(3)
    ]
    torch.save(graphs, tmp_path / "g.pt")
    with pytest.raises(InputError) as error:
        load(tmp_path / "g.pt")
    assert "\n" not in str(error.value)


def test_targets_of_nodes_may_be_words_in_arrays(tmp_path: Path) -> None:
    for number in range(5):
        arrays = {"x": np.ones((3, 1)), "edge_index": np.array([[0, 1], [1, 2]])}
        np.savez(tmp_path / f"{number}.npz", **arrays, y=np.array(["cat", "dog", ""]))
    dataset = load(tmp_path)
    assert dataset.class_names == ("cat", "dog") and dataset.graphs[1].y.tolist() == [0, 1, -1]


def test_reverse_edges_are_added_to_lists_of_graphs_on_request() -> None:
    graphs = nodes_of_many()
    assert graphkit.load(graphs).graphs[2].num_edges == graphkit.load(graphs, directed=True).graphs[2].num_edges == 2
    graphs[1].edge_index = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]])  # both directions twice: not changed
    dataset = graphkit.load(graphs, directed=False)
    assert dataset.graphs[2].num_edges == dataset.graphs[1].num_edges == 4
