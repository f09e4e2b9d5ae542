"""Real data sets, where their raw files are at hand."""

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from torch_geometric import EdgeIndex

from graphkit.data import GraphDataset, describe_dataset, load
from graphkit.errors import InputError


def single(dataset: GraphDataset) -> tuple[int, int, int, int]:
    data = dataset.graphs[0]
    assert isinstance(data.edge_index, EdgeIndex) and data.edge_index.is_sorted_by_col
    data.edge_index.validate()
    return data.num_nodes, data.num_edges, dataset.num_features, dataset.num_outputs


@pytest.mark.parametrize(
    ("name", "counts", "sizes", "num_splits"),
    [
        ("cora", (2708, 10556, 1433, 7), (140, 500, 1000), 1),
        ("citeseer", (3327, 9104, 3703, 6), (120, 500, 1000), 1),
        ("texas", (183, 325, 1703, 5), (87, 59, 37), 10),
        ("wisconsin", (251, 515, 1703, 5), (120, 80, 51), 10),
        ("actor", (7600, 30019, 932, 5), (3648, 2432, 1520), 10),
        ("minesweeper", (10000, 78804, 7, 1), (5000, 2500, 2500), 10),
        ("airports-usa", (1190, 27198, 1190, 4), (714, 238, 238), 1),
        ("airports-europe", (399, 11988, 399, 4), (239, 80, 80), 1),
        ("email-eu-core", (1005, 25571, 1005, 42), (603, 201, 201), 1),
    ],
)
def test_single_graphs(real: Path, name: str, counts: tuple, sizes: tuple, num_splits: int) -> None:
    dataset = load(name, real)
    assert single(dataset) == counts
    assert len(dataset.splits) == num_splits
    split = dataset.splits[0]
    assert (split.train.numel(), split.val.numel(), split.test.numel()) == sizes
    assert dataset.is_single_graph and dataset.citation


def test_chickenpox_weeks_follow_each_other(real: Path) -> None:
    dataset = load("chickenpox", real)
    assert (dataset.task, len(dataset.graphs), dataset.num_features, dataset.num_outputs) == (
        "node-regression",
        517,
        4,
        1,
    )
    split = dataset.splits[0]
    assert torch.equal(torch.cat([split.train, split.val, split.test]), torch.arange(517))
    assert (split.val.numel(), split.test.numel()) == (103, 103)
    graphs = dataset.graphs
    for week in (0, 515):
        now, then = graphs[week], graphs[week + 1]
        assert torch.equal(then.x, torch.cat([now.x[:, 1:], now.y], dim=1)) and int(now.time) == week + 4
    assert len(dataset.node_names) == 10340 and dataset.node_names[20] == "BACS"
    assert load("chickenpox", real, lags=8).num_features == 8


def test_planetoid_has_twenty_training_nodes_per_class(real: Path) -> None:
    dataset = load("cora", real)
    y = dataset.graphs[0].y[dataset.splits[0].train]
    assert torch.bincount(y).tolist() == [20] * 7


@pytest.mark.parametrize(
    ("name", "num_graphs", "num_features", "classes"),
    [
        ("mutag", 188, 7, [63, 125]),
        ("proteins", 1113, 3, [663, 450]),
        ("imdb-binary", 1000, 150, [500, 500]),
    ],
)
def test_tu_sets_come_in_ten_folds(real: Path, name: str, num_graphs: int, num_features: int, classes: list) -> None:
    dataset = load(name, real)
    assert (len(dataset.graphs), dataset.num_features, dataset.num_outputs) == (num_graphs, num_features, 2)
    y = torch.cat([data.y for data in dataset.graphs])
    assert torch.bincount(y).tolist() == classes
    assert dataset.protocol == "fold" and len(dataset.splits) == 10
    held_out = torch.cat([split.test for split in dataset.splits]).sort().values
    assert torch.equal(held_out, torch.arange(num_graphs))
    for data in (dataset.graphs[0], dataset.graphs[num_graphs - 1]):
        assert torch.equal(data.x.sum(dim=1), torch.ones(data.num_nodes))


def test_imdb_features_are_in_degrees(real: Path) -> None:
    data = load("imdb-binary", real).graphs[17]
    degree = torch.bincount(data.edge_index[1].as_subclass(torch.Tensor), minlength=data.num_nodes)
    assert torch.equal(data.x.argmax(dim=1), degree)


def test_tu_attributes_are_an_option(real: Path) -> None:
    assert load("proteins", real, attributes=True).num_features == 4


def test_tu_edge_labels_are_an_option(real: Path) -> None:
    dataset, plain = load("mutag", real, edge_labels=True), load("mutag", real)
    assert (dataset.num_edge_features, plain.num_edge_features) == (4, 0)  # aromatic, single, double and triple bonds
    assert torch.equal(dataset.graphs.edge_index, plain.graphs.edge_index)
    assert dataset.graphs.edge["edge_attr"].sum(dim=0).tolist() == [4708, 2008, 724, 2]
    with pytest.raises(InputError, match="`data.edge_labels` is for mutag and ptc-mr .got proteins"):
        load("proteins", real, edge_labels=True)


@pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")
@pytest.mark.parametrize(
    ("name", "metric", "method", "train"),
    [("esol", "rmse", "random", 902), ("freesolv", "rmse", "random", 514), ("bbbp", "roc-auc", "scaffold", 1631)],
)
def test_molecules_have_splits_of_the_published_kind(
    real: Path, name: str, metric: str, method: str, train: int
) -> None:
    dataset, drawn = load(name, real), load(name, real, split=method)
    assert (dataset.metric, len(dataset.splits)) == (metric, 10)
    for split, expected in zip(dataset.splits, drawn.splits, strict=True):
        assert torch.equal(split.train, expected.train) and torch.equal(split.test, expected.test)
    assert dataset.splits[0].train.numel() == train
    assert describe_dataset(name)["benchmark"]["metric"] == metric
    assert describe_dataset(name)["benchmark"]["split"] == f"{method}:0.8,0.1,0.1"
    assert len(dataset.smiles) == len(dataset.graph_names) == len(dataset.graphs)


@pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")
def test_ogb_features_have_a_column_of_each_value(real: Path) -> None:
    dataset = load("freesolv", real, features="ogb")
    assert (dataset.num_features, dataset.num_edge_features) == (174, 13)
    assert bool((dataset.graphs.node["x"].sum(dim=1) == 9).all() & (dataset.graphs.edge["edge_attr"].sum(1) == 3).all())
    plain = load("freesolv", real)  # the same columns without those that are constant zero
    used = dataset.graphs.node["x"].any(dim=0)
    assert int(used.sum()) == plain.num_features


@pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")
def test_tox21(real: Path) -> None:
    dataset = load("tox21", real)
    assert (len(dataset.graphs), dataset.num_outputs, dataset.metric) == (7823, 12, "roc-auc")
    y = dataset.graphs.batch(torch.arange(7823)).y
    assert bool(y.isnan().any()) and set(y[~y.isnan()].unique().tolist()) == {0.0, 1.0}
    assert [ids.numel() for ids in (dataset.splits[0].train, dataset.splits[0].test)] == [6258, 782]


def test_without_rdkit_the_error_says_what_to_install(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install rdkit"):
        load("tox21", real)


def test_a_published_split_can_be_replaced(real: Path) -> None:
    first, again = (load("cora", real, split="0.5,0.25,0.25", split_seed=4).splits for _ in range(2))
    assert len(first) == 1 and first[0].train.numel() == 1354
    assert torch.equal(first[0].test, again[0].test)
    assert load("mutag", real, split="0.8,0.1,0.1").protocol == "validation"


def test_the_root_is_not_written_to(real: Path, tmp_path: Path) -> None:
    """A root that must not change: compared before and after, since a test may run as root, whom nothing stops."""
    copy = tmp_path / "raw data"
    for source in (real / "WebKB" / "texas" / "raw").iterdir():
        target = copy / "WebKB" / "texas" / "raw" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())

    def state() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in copy.rglob("*"))

    folders = [copy, *(path for path in copy.rglob("*") if path.is_dir())]
    before = state()
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert single(load("texas", copy)) == (183, 325, 1703, 5)
        assert single(load("texas", copy)) == (183, 325, 1703, 5)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert state() == before


def test_a_damaged_raw_file_is_one_clear_line(real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Planetoid" / "Cora" / "raw"
    folder.mkdir(parents=True)
    for source in (real / "Planetoid" / "Cora" / "raw").iterdir():
        (folder / source.name).write_bytes(source.read_bytes()[: 1000 if source.name.endswith("allx") else None])
    with pytest.raises(ValueError, match="raw files of 'cora' in .* cannot be read") as error:
        load("cora", tmp_path)
    assert "\n" not in str(error.value)
    cache = Path(os.environ["GRAPHKIT_CACHE"]) / "processed"
    assert not [path for path in cache.iterdir() if path.name.endswith(".part")]
