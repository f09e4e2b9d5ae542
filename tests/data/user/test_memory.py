"""Graphs that are in memory give the data set that their files give."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData, InMemoryDataset

import graphkit
from graphkit.errors import InputError, InputTypeError


def graph(nodes: int = 12, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(nodes, (2, 3 * nodes), generator=generator)
    x = torch.randn(nodes, 4, generator=generator)
    return Data(
        x=x, edge_index=edge_index, y=torch.arange(nodes) % 3, edge_weight=torch.rand(3 * nodes, generator=generator)
    )


def graphs(count: int = 9) -> list[Data]:
    several = [graph(5 + number, number) for number in range(count)]
    for number, data in enumerate(several):
        data.y = torch.tensor([number % 2])
    return several


def assert_same(first: Any, second: Any) -> None:
    assert first.task == second.task and first.num_features == second.num_features
    for ours, theirs in zip(first.graphs, second.graphs, strict=True):
        assert torch.equal(ours.x, theirs.x) and torch.equal(ours.y, theirs.y)
        assert torch.equal(ours.edge_index.as_tensor(), theirs.edge_index.as_tensor())
        if "edge_weight" in theirs:
            assert torch.equal(ours.edge_weight, theirs.edge_weight)
    for part in ("train", "val", "test"):
        assert torch.equal(getattr(first.splits[0], part), getattr(second.splits[0], part))


def test_a_graph_and_a_list_are_those_of_their_files(tmp_path: Path) -> None:
    for name, data in (("one", graph()), ("many", graphs())):
        torch.save(data, tmp_path / f"{name}.pt")
        assert_same(graphkit.load(data), graphkit.load(tmp_path / f"{name}.pt"))


def test_a_dataset_of_pyg_is_a_list_of_graphs() -> None:
    class Own(InMemoryDataset):
        def __init__(self) -> None:
            super().__init__()
            self.data, self.slices = self.collate(graphs())

    assert_same(graphkit.load(Own()), graphkit.load(graphs()))


def test_masks_are_the_split() -> None:
    data = graph()
    masks = torch.arange(12) % 4
    data.train_mask, data.val_mask, data.test_mask = masks < 2, masks == 2, masks == 3
    split = graphkit.load(data).splits[0]
    assert split.test.tolist() == [3, 7, 11] and split.train.tolist() == [0, 1, 4, 5, 8, 9]


@pytest.mark.parametrize("convert", [lambda tensor: tensor, lambda tensor: tensor.numpy()])
def test_arrays_are_a_graph(convert: Any) -> None:
    data = graph()
    del data.edge_weight
    assert_same(graphkit.load(tuple(map(convert, (data.x, data.edge_index, data.y)))), graphkit.load(data))


def test_a_networkx_graph_has_features_classes_weights_and_names() -> None:
    nodes = networkx.Graph()
    for number in range(9):
        nodes.add_node(
            f"n{number}", x=[float(number), 1.0], size=np.float64(2 * number), label=("a", "b", "c")[number % 3]
        )
    nodes.add_weighted_edges_from([(f"n{k}", f"n{(k + 1) % 9}", 0.5 + k) for k in range(9)])
    dataset = graphkit.load(nodes)
    assert dataset.class_names == ("a", "b", "c") and dataset.node_names[:2] == ("n0", "n1")
    assert dataset.graphs[0].x[3].sort().values.tolist() == [1.0, 3.0, 6.0] and dataset.num_features == 3
    assert dataset.graphs[0].num_edges == 18 and sorted(set(dataset.graphs[0].edge_weight.tolist()))[0] == 0.5
    directed = networkx.DiGraph(nodes)
    directed.remove_edges_from([(target, source) for source, target in nodes.edges])
    assert graphkit.load(directed).graphs[0].num_edges == 9


def test_networkx_graphs_are_graphs_with_a_target_each() -> None:
    several = []
    for number in range(8):
        one = networkx.path_graph(3 + number)
        networkx.set_node_attributes(one, {node: float(node) for node in one}, "height")
        one.graph["y"] = number % 2
        several.append(one)
    dataset = graphkit.load(several)
    assert dataset.task == "graph-classification" and len(dataset.graphs) == 8 and dataset.graphs[1].num_edges == 6
    several[3].graph.clear()
    assert "1 of 8 graphs have no target, such as graph 3" in graphkit.load(several).notes[-1]


def test_frames_are_tables() -> None:
    pandas = pytest.importorskip("pandas")
    nodes = pandas.DataFrame({"age": [1.0, 2, 3, 4, 5, 6], "label": list("ababab")}, index=list("uvwxyz"))
    edges = pandas.DataFrame({"source": list("uvwxy"), "target": list("vwxyz"), "weight": [1.0, 2, 3, 4, 5]})
    dataset = graphkit.load((nodes, edges))
    assert dataset.node_names == tuple("uvwxyz") and dataset.num_features == 1 and dataset.class_names == ("a", "b")
    assert dataset.graphs[0].num_edges == 10


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HeteroData(), "must have one type of nodes and edges .got HeteroData.; give `data.to_homogeneous"),
        ([HeteroData(), HeteroData()], "data.to_homogeneous"),
        (3, "`data` must be the name or path of a data set, or a torch_geometric Data"),
        ([], "`data` must be the name or path"),
        ([graph(), 3], "`data` must be the name or path"),
        (Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 9], [1, 0]]), y=torch.arange(3) % 2), "`data`: edge"),
        (Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0], [1]])), "`data`.*`y`"),
        (networkx.path_graph(3), "`data`: no node has a label in the attribute 'label'"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_no_file(data: Any, message: str) -> None:
    with pytest.raises((InputError, InputTypeError), match=message) as error:
        graphkit.load(data)
    assert "\n" not in str(error.value) and "/tmp" not in str(error.value) and "data.pt" not in str(error.value)


def test_the_objects_stay_as_they_are() -> None:
    data = graph()
    before = data.clone()
    graphkit.load(data)
    assert data.keys() == before.keys() and all(torch.equal(data[key], before[key]) for key in data.keys())  # noqa: SIM118


def test_a_model_is_trained_on_graphs_in_memory_and_its_folder_may_be_moved(tmp_path: Path) -> None:
    data = graph(40)
    run = graphkit.fit("gcn", data, epochs=3, seeds=2, split="0.5,0.25,0.25", output=tmp_path / "run")
    torch.save(data, tmp_path / "graph.pt")
    other = graphkit.fit("gcn", tmp_path / "graph.pt", epochs=3, seeds=2, split="0.5,0.25,0.25", output=tmp_path / "b")
    assert run.result["test"] == other.result["test"] and run.result["dataset"] == "data"
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = graphkit.open_run(tmp_path / "moved")
    assert moved.evaluate("cpu")["test"] == run.result["test"]
    assert len(moved.predict(device="cpu")) == 40


def test_a_refused_fit_on_graphs_in_memory_leaves_nothing(tmp_path: Path) -> None:
    data = graph(12)
    data.y = torch.zeros(12, dtype=torch.long)
    with pytest.raises(InputError, match="`data`: all labels are '0'") as error:
        graphkit.fit("gcn", data, output=tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()
    with pytest.raises(InputTypeError, match="`data` must be the name or path of a data set, or a torch_geometric"):
        graphkit.fit("gcn", 5)
    frames = pytest.importorskip("pandas").DataFrame({"label": list("ab" * 6), "size": range(12)})
    broken = (frames, frames.__class__({"source": [0], "target": [99]}))
    with pytest.raises(InputError, match="data/edges.csv', line 2, column 'target': there is no node '99'") as error:
        graphkit.fit("gcn", broken, output=tmp_path / "run")
    assert "/tmp/tmp" not in str(error.value)
    edges = frames.__class__({"source": range(11), "target": range(1, 12)})
    run = graphkit.fit("gcn", (frames, edges), epochs=1, output=tmp_path / "frames")
    assert run.result["dataset"] == "data" and graphkit.open_run(run.path).model is not None


def test_graphs_with_labels_of_nodes_stay_apart_or_are_joined(tmp_path: Path) -> None:
    several = [graph(8, seed) for seed in range(6)]
    dataset = graphkit.load(several, split="0.5,0.25,0.25")
    assert (dataset.task, dataset.level, len(dataset.graphs)) == ("node-classification", "node", 6)
    assert torch.equal(dataset.graphs[2].y, several[2].y) and "a target for every node" in dataset.notes[-1]
    dataset = graphkit.load(Batch.from_data_list(several))
    assert dataset.task == "node-classification" and dataset.graphs[0].num_nodes == 48


def test_a_restarted_job_goes_on_with_the_graphs_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphkit.experiments import driver

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a-job")
    data, folder = graph(30), tmp_path / "run"

    def killed(experiment: Any, folder: Path, session: Any, *_: Any) -> None:
        session.keep()
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(driver, "_do_units", killed)
        with pytest.raises(RuntimeError, match="killed"):
            graphkit.fit("gcn", data, epochs=2, split="0.5,0.25,0.25", output=folder)
    assert (folder / "given_graphs" / "data.pt").is_file() and (folder / "config.yaml").is_file()
    run = graphkit.fit("gcn", data, epochs=2, split="0.5,0.25,0.25", output=folder)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")
    other = graphkit.fit("gcn", data, epochs=2, split="0.5,0.25,0.25", output=tmp_path / "other")
    assert run.result["test"] == other.result["test"]
