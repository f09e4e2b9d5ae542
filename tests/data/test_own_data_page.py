"""The examples of the pages on own data do what the pages say."""

import re
from pathlib import Path

import networkx
import pytest
import torch

from graphkit.data import load
from graphkit.registry import dataset_names
from graphkit.transforms import transform_names

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("own_data", "preprocessing", "graph_files", "many_graphs", "larger_than_memory", "datasets", "transforms")
PAGE = "".join((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in PAGES)
BLOCKS = re.findall(r"```(python|text)\n(.*?)```", PAGE, flags=re.DOTALL)
TABLES = [text for language, text in BLOCKS if language == "text"]


def run(block: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = [text for language, text in BLOCKS if language == "python" and f'"{block}"' in text]
    monkeypatch.chdir(folder)
    exec(compile(text, block, "exec"), {})


def test_the_tables(tmp_path: Path) -> None:
    edges, nodes, labels, _ = TABLES
    (tmp_path / "edges.csv").write_text(edges)
    (tmp_path / "nodes.csv").write_text(nodes)
    dataset = load(tmp_path, transforms=["normalize-features", "self-loops"])
    assert dataset.class_names == ("cat", "dog") and dataset.graphs[0].num_edges == 8 + 4
    (tmp_path / "nodes.csv").write_text(labels)
    assert load(tmp_path).class_names == ("sport", "music")


@pytest.mark.parametrize(("name", "edges"), [("graph.npz", 8), ("graph.graphml", 6), ("data.pt", 8)])
def test_the_files(name: str, edges: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(name, tmp_path, monkeypatch)
    dataset = load(name)
    assert dataset.graphs[0].num_edges == edges
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]


def test_the_folder_of_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("large_graph", tmp_path, monkeypatch)
    dataset = load("large_graph")
    assert dataset.mapped and dataset.graphs[0].num_nodes == 4000 and dataset.num_features == 16
    assert [ids.numel() for ids in vars(dataset.splits[0]).values()] == [2000, 1000, 1000]


def test_the_list_of_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("graphs.pt", tmp_path, monkeypatch)
    dataset = load("graphs.pt")
    assert dataset.task == "graph-classification" and len(dataset.graphs) == 20
    assert torch.cat(list(vars(dataset.splits[0]).values())).numel() == 20


def test_the_folder_of_graph_files(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(TABLES[-1])
    for number, name in enumerate(("first.graphml", "second.gml", "third.graphml")):
        graph = networkx.path_graph(3 + number)
        networkx.set_node_attributes(graph, {node: node / 2 for node in graph}, "size")
        getattr(networkx, f"write_{name.rpartition('.')[2]}")(graph, tmp_path / name)
    dataset = load(tmp_path)
    assert dataset.class_names == ("safe", "toxic") and dataset.graph_names[1] == "second.gml"
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0], [1], [2]]


def test_all_names_are_listed() -> None:
    for name in (*dataset_names(), *transform_names()):
        assert re.search(rf"`\{{?{name}\b", PAGE), name
