"""Every form of graphs in memory trains as its file does, and goes on after the object is gone."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data, InMemoryDataset

import graphkit
from graphkit import Callback
from graphkit.experiments import Interrupted, resume

#: Function that returns an object, and a file with the same content in a folder.
Form = Callable[[Path, bool], tuple[Any, Path]]
NODES, SPLIT = 30, "0.5,0.25,0.25"


def networkx_graph(regression: bool, nodes: int = NODES, seed: int = 0) -> networkx.Graph:
    """Returns a connected graph with two features and a target per node, and edge weights."""
    rng = np.random.default_rng(seed)
    graph = networkx.cycle_graph(nodes)
    for node in graph:
        a, b = rng.normal(size=2).round(3).tolist()
        target = 10 * a + b if regression else ("red", "blue")[a > 0]
        graph.add_node(node, a=a, b=b, y=target)
    for source, target in graph.edges:
        graph.edges[source, target]["weight"] = float(rng.random())
    return graph


def data(regression: bool, nodes: int = NODES, seed: int = 0) -> Data:
    """Returns a similar graph of PyG, which lists both directions of its edges."""
    generator = torch.Generator().manual_seed(seed)
    x, ring = torch.randn(nodes, 3, generator=generator), torch.arange(nodes)
    edge_index = torch.stack([torch.cat([ring, ring.roll(1)]), torch.cat([ring.roll(1), ring])])
    return Data(x=x, edge_index=edge_index, y=x.sum(dim=1) if regression else (x[:, 0] > 0).long())


def data_list(regression: bool) -> list[Data]:
    several = [data(regression, 4 + seed % 4, seed) for seed in range(20)]
    for number, graph in enumerate(several):
        graph.y = 3 * graph.x.sum() if regression else torch.tensor([number % 2])
    return several


class OwnDataset(InMemoryDataset):
    """Data set of a user."""

    def __init__(self, graphs: list[Data]) -> None:
        super().__init__()
        self.data, self.slices = self.collate(graphs)


def of_data(folder: Path, regression: bool) -> tuple[Any, Path]:
    torch.save(data(regression), folder / "file.pt")
    return data(regression), folder / "file.pt"


def of_arrays(folder: Path, regression: bool, convert: Any = torch.Tensor.numpy) -> tuple[Any, Path]:
    graph = data(regression)
    arrays = {name: graph[name].numpy() for name in ("x", "edge_index", "y")}
    np.savez(folder / "file.npz", **arrays)
    return tuple(map(convert, (graph.x, graph.edge_index, graph.y))), folder / "file.npz"


def of_tensors(folder: Path, regression: bool) -> tuple[Any, Path]:
    return of_arrays(folder, regression, torch.clone)


def of_networkx(folder: Path, regression: bool) -> tuple[Any, Path]:
    graph = networkx_graph(regression)
    networkx.write_graphml(graph, folder / "file.graphml")
    return graph, folder / "file.graphml"


def of_frames(folder: Path, regression: bool) -> tuple[Any, Path]:
    pandas = pytest.importorskip("pandas")
    graph = networkx_graph(regression)
    nodes = pandas.DataFrame.from_dict(dict(graph.nodes(data=True)), orient="index").rename(columns={"y": "label"})
    edges = networkx.to_pandas_edgelist(graph)
    (folder / "tables").mkdir()
    nodes.to_csv(folder / "tables" / "nodes.csv", index_label="id")
    edges.to_csv(folder / "tables" / "edges.csv", index=False)
    return (nodes, edges), folder / "tables"


def of_list(folder: Path, regression: bool) -> tuple[Any, Path]:
    torch.save(data_list(regression), folder / "file.pt")
    return data_list(regression), folder / "file.pt"


def of_dataset(folder: Path, regression: bool) -> tuple[Any, Path]:
    graphs, path = of_list(folder, regression)
    return OwnDataset(graphs), path


def of_networkx_list(folder: Path, regression: bool) -> tuple[Any, Path]:
    graphs, rows = [], ["file,label"]
    (folder / "graphs").mkdir()
    for number in range(20):
        graph = networkx_graph(True, 5 + number % 3, number)
        target = 10.5 * graph.nodes[0]["a"] if regression else ("ring", "chain")[number % 2]
        for _, attributes in graph.nodes(data=True):
            del attributes["y"]
        networkx.write_graphml(graph, folder / "graphs" / f"g{number:02d}.graphml")
        rows.append(f"g{number:02d}.graphml,{target}")
        graph.graph["y"] = target
        graphs.append(graph)
    (folder / "graphs" / "labels.csv").write_text("\n".join(rows) + "\n")
    return graphs, folder / "graphs"


def of_molecules(folder: Path, regression: bool) -> tuple[Any, Path]:
    pytest.importorskip("rdkit")
    pandas = pytest.importorskip("pandas")
    smiles = [f"{'C' * (1 + k // 2)}{'O' if k % 2 else 'N'}" for k in range(24)]
    label = [1.5 * k if regression else k % 2 for k in range(24)]
    frame = pandas.DataFrame({"smiles": smiles, "label": label}, index=[f"m{k}" for k in range(24)])
    frame.to_csv(folder / "molecules.csv", index_label="id")
    return frame, folder / "molecules.csv"


NODE_FORMS: dict[str, Form] = {
    "Data": of_data,
    "arrays": of_arrays,
    "tensors": of_tensors,
    "networkx": of_networkx,
    "frames": of_frames,
}
GRAPH_FORMS: dict[str, Form] = {
    "list": of_list,
    "Dataset": of_dataset,
    "networkx list": of_networkx_list,
    "frame of molecules": of_molecules,
}


class Press(Callback):
    """Presses Ctrl-C when the second epoch ends."""

    def on_epoch(self, fit: Any, row: Any) -> None:
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("regression", [False, True], ids=["classes", "values"])
@pytest.mark.parametrize("name", [*NODE_FORMS, *GRAPH_FORMS])
def test_a_form_in_memory_trains_as_its_file(name: str, regression: bool, tmp_path: Path) -> None:
    given, path = {**NODE_FORMS, **GRAPH_FORMS}[name](tmp_path, regression)
    level = "node" if name in NODE_FORMS else "graph"
    arguments: dict[str, Any] = {"split": SPLIT, "epochs": 4, "task": "regression" if regression else None}
    reference = graphkit.fit("gcn", path, output=tmp_path / "reference", **arguments)
    assert reference.dataset.task == f"{level}-{'regression' if regression else 'classification'}"
    with pytest.raises(Interrupted):
        graphkit.fit("gcn", given, output=tmp_path / "run", callbacks=[Press()], **arguments)
    del given
    for file in [path, *path.glob("*")]:
        if file.is_file():
            file.unlink()
    resume(tmp_path / "run")
    run = graphkit.open_run(tmp_path / "run")
    for key in ("test", "validation", "scores", "metric"):
        assert run.result[key] == reference.result[key], key
    losses = [[row["loss"] for row in folder.metrics] for folder in (run, reference)]
    assert losses[0] == losses[1] and len(losses[0]) == 4
    assert run.evaluate("cpu")["test"] == run.result["test"]
    assert list((tmp_path / "run" / "given_graphs").iterdir())
