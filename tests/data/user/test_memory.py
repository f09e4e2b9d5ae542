"""Graphs that are in memory give the data set that their files give."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Batch, Data, HeteroData, InMemoryDataset, OnDiskDataset, TemporalData

import graphkit
from graphkit.data.loading import load_object
from graphkit.data.user import load_own
from graphkit.errors import InputError, InputTypeError

EDGE = torch.tensor([[0, 1], [1, 2]])


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


def social(nodes: int, seed: int = 0) -> networkx.Graph:
    """A graph whose nodes have numbers, lists, words and truth values."""
    made = networkx.gnp_random_graph(nodes, 0.4, seed=seed)
    for node, row in made.nodes(data=True):
        row.update(x=[node / 2, 1.0], kind="rs"[node % 2], on=node % 3 == 0)
    return made


FEATURES = ("kind=r", "kind=s", "on", "x_0", "x_1")


def test_attributes_of_nodes_are_encoded_alike_in_one_graph_and_in_many() -> None:
    one, several = social(9), [social(5 + seed, seed) for seed in range(6)]
    for made in (one, *several):
        networkx.set_node_attributes(made, {node: node * 0.3 for node in made}, "y")
    dataset, many = graphkit.load(one), graphkit.load(several, split="0.5,0.25,0.25")
    assert dataset.task == many.task == "node-regression" and dataset.encoder.names == many.encoder.names == FEATURES
    assert dataset.graphs[0].x[1].tolist() == many.graphs[3].x[1].tolist() == [0.0, 1.0, 0.0, 0.5, 1.0]
    assert torch.allclose(many.graphs[3].y, torch.arange(8)[:, None] * 0.3)
    assert many.graphs[2].num_edges == 2 * several[2].number_of_edges() and many.node_names[:3] == ("0", "1", "2")
    first = graphkit.load(several[:1])  # a list of one graph with targets of nodes is a graph
    assert first.is_single_graph and first.graphs[0].y.shape == (5, 1)


def test_lists_are_several_targets_of_nodes_or_graphs() -> None:
    one, several = social(9), [social(5 + seed, seed) for seed in range(6)]
    networkx.set_node_attributes(one, {node: [node * 0.3, float("nan") if node % 2 else node] for node in one}, "y")
    dataset = graphkit.load(one)
    assert dataset.class_names == ("y_0", "y_1") and dataset.graphs[0].y[:, 1].isnan().tolist() == [False, True] * 4 + [
        False
    ]
    for number, made in enumerate(several):
        made.graph.update(y=np.array([number * 0.5, number]), id=f"m{number}", time=number)
    dataset = graphkit.load(several)
    assert (dataset.task, dataset.graph_names[1]) == ("graph-regression", "m1")
    assert dataset.graphs.graph["y"][3].tolist() == [1.5, 3.0] and dataset.splits[0].test.tolist() == [5]
    new = load_object([social(4)], lambda path: load_own(path, {}, like=dataset))
    assert new.graphs.graph["y"].isnan().all() and new.num_features == 5 and len(new.graphs) == 1
    assert len(load_object(social(4), lambda path: load_own(path, {}, like=dataset)).graphs) == 1


def test_a_target_is_preferred_to_a_list_that_begins_like_it() -> None:
    one = social(8)
    networkx.set_node_attributes(one, {node: "ab"[node % 2] for node in one}, "y")
    networkx.set_node_attributes(one, {node: float(node) for node in one}, "y_0")
    dataset = graphkit.load(one)
    assert dataset.class_names == ("a", "b") and "y_0" in dataset.encoder.names


def test_targets_are_named_in_memory_too() -> None:
    one = social(8)
    networkx.set_node_attributes(one, {node: "ab"[node % 2] for node in one}, "club")
    dataset = graphkit.load(one, target="club", ignore="kind,on")
    assert dataset.class_names == ("a", "b") and dataset.num_features == 2
    one.add_node("1", **one.nodes[1])
    with pytest.raises(InputError, match="`data`: two nodes have the id '1', as a number and as text"):
        graphkit.load(one, target="club")
    several = [social(5) for _ in range(4)]
    with pytest.raises(InputError, match="`data`: no graph has a target"):
        graphkit.load(several)


def test_arrays_without_targets_are_new_data() -> None:
    x, edge_index = np.random.rand(12, 3), np.array([range(12), [*range(1, 12), 0]])
    dataset = graphkit.load((x, edge_index, np.arange(12) / 5))
    assert dataset.task == "node-regression"
    for data in ((x, edge_index), (x, edge_index, None)):
        with pytest.raises(InputError, match="`data` has no `y`"):
            graphkit.load(data)
        assert load_object(data, lambda path: load_own(path, {}, like=dataset)).graphs[0].y.isnan().all()
    assert graphkit.load((x, edge_index, list("ab" * 6))).class_names == ("a", "b")


@pytest.mark.parametrize("kind", [str, object, list])
def test_targets_are_arrays_of_words_or_lists_of_numpy_values(kind: Any) -> None:
    x, edge_index, y = np.random.rand(12, 3), np.array([range(12), [*range(1, 12), 0]]), np.array(list("ab" * 6))
    given = list(y) if kind is list else y.astype(kind)
    assert graphkit.load((x, edge_index, given)).class_names == ("a", "b")
    assert graphkit.load((x, edge_index, list(np.arange(12) % 2))).class_names == ("0", "1")
    assert graphkit.load(Data(x=x, edge_index=edge_index, y=given)).class_names == ("a", "b")
    several = [Data(x=x, edge_index=edge_index, y=value) for value in given]
    assert graphkit.load(several).class_names == ("a", "b")
    assert graphkit.load([Data(x=x, edge_index=edge_index, y=value) for value in np.arange(12) / 7]).level == "graph"
    with_gap = graphkit.load((x, edge_index, [None, *given[1:]]))
    assert with_gap.graphs[0].y.tolist()[:2] == [-1, 1]


def test_attributes_that_are_python_objects_are_not_used() -> None:
    data = graph()
    data.made, data.table = np.datetime64("2020-01-01"), {"a": Path("b")}
    assert "`made`, `table`" in graphkit.load(data).notes[-1]
    data.y = data.x = Path("b")
    with pytest.raises(InputError, match="`data`: `x` must be a tensor, an array or a list .got PosixPath.; convert"):
        graphkit.load(data)
    with pytest.raises(InputError, match="`y` must be a tensor, an array or a list .got array of datetime64"):
        graphkit.load((np.ones((2, 1)), np.array([[0], [1]]), np.array(["2020-01-01"] * 2, dtype="M8[D]")))


def test_a_list_of_one_graph_with_a_target_of_its_own_has_graphs_as_items() -> None:
    dataset = graphkit.load(
        [Data(x=x, edge_index=EDGE, y=torch.tensor([k % 2])) for k, x in enumerate(torch.rand(9, 3, 2))]
    )
    new = load_object([Data(x=torch.rand(3, 2), edge_index=EDGE)], lambda path: load_own(path, {}, like=dataset))
    assert (new.task, len(new.graphs)) == ("graph-classification", 1)
    with pytest.raises(InputError, match="all labels are '0'"):
        graphkit.load([Data(x=torch.rand(3, 2), edge_index=EDGE, y=torch.tensor([0]))])


def test_events_and_objects_of_other_packages_name_the_way_out() -> None:
    one = torch.tensor([0])
    with pytest.raises(InputError, match="got TemporalData, a list of events.; give a list of Data"):
        graphkit.load(TemporalData(src=one, dst=one, t=one, msg=torch.rand(1, 1)))
    with pytest.raises(
        InputTypeError, match="got coo_matrix.; give .x, torch_geometric.utils.from_scipy_sparse_matrix"
    ):
        graphkit.load(scipy.sparse.coo_matrix(np.eye(3)))
    with pytest.raises(InputTypeError, match="got Series.; give series.tolist"):
        graphkit.load(pytest.importorskip("pandas").Series(["CCO"]))


def test_a_subset_and_a_data_set_on_disk_are_lists(tmp_path: Path) -> None:
    class OnDisk(OnDiskDataset):
        def process(self) -> None:
            pass

    stored = OnDisk(str(tmp_path))
    graphs = [Data(x=torch.rand(3, 2), edge_index=EDGE, y=torch.tensor([[k / 3]])) for k in range(8)]
    stored.extend(graphs)
    for data in (stored, torch.utils.data.Subset(graphs, range(8))):
        dataset = graphkit.load(data)
        assert dataset.task == "graph-regression" and dataset.graphs[3].y.item() == 1.0


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
        ([], "`data` must be the name or path.*got list without items"),
        ([graph(), 3], "`data` must be the name or path.*got list of Data, int"),
        ((np.ones((12, 3), dtype=object), EDGE, np.arange(12) % 2), "`data`: `x` must be a tensor or an array"),
        ((np.ones((12, 3)), np.array([[0, 11], [11, 0]]), np.arange(11) % 2), "`data`: `x` must have one row for each"),
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


def test_edge_attributes_of_one_graph_are_merged_and_reversed_with_their_edges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = social(6)
    for index, (_, _, row) in enumerate(one.edges(data=True)):
        row["edge_attr"] = [index, 1.0]
    networkx.set_node_attributes(one, {node: "ab"[node % 2] for node in one}, "label")
    data = graphkit.load(one).graphs[0]
    assert data.edge_attr.shape == (2 * one.number_of_edges(), 2)
    assert data.edge_attr[:, 0].sort().values.tolist() == sorted([*range(data.num_edges // 2)] * 2)
    edges = torch.tensor([[0, 0, 1], [1, 1, 2]])
    twice = Data(
        x=torch.rand(4, 2), edge_index=edges, edge_attr=torch.tensor([1.0, 3.0, 5.0]), y=torch.tensor([0, 1] * 2)
    )
    assert graphkit.load(twice).graphs[0].edge_attr.view(-1).tolist() == [2.0, 2.0, 5.0, 5.0]
    ring = torch.stack([torch.arange(12), (torch.arange(12) + 1) % 12])
    large = Data(x=torch.rand(12, 2), edge_index=ring, edge_attr=torch.rand(12), y=torch.arange(12) % 2)
    capsys.readouterr()
    assert graphkit.fit("gcn", large, epochs=1, verbose=True, output=tmp_path / "gcn").result["test"]
    assert "note: gcn does not use `edge_attr`" in "".join(capsys.readouterr())
    settings = {"model.edge_attr": "edge_attr"}
    assert graphkit.fit("gat", large, epochs=1, verbose=True, output=tmp_path / "gat", set=settings).result["test"]
    assert "edge_attr" not in "".join(capsys.readouterr())
