"""Damaged and hostile raw files of named data sets: one line that names the file, at once and within limits."""

import gzip
import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from graphkit.data import load
from graphkit.data.dataset_info import Request
from graphkit.data.raw_files import changed_files
from graphkit.errors import InputError
from graphkit.registry import get_dataset

N = 12


def write_planetoid(root: Path, test: list[int] | None = None, num_train: int = 3, edge: int = 1, **parts: Any) -> Path:
    """Writes a small PubMed: nine nodes, three test nodes behind them."""
    raw = root / "Planetoid" / "PubMed" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    x, one_hot = scipy.sparse.csr_matrix(np.eye(N, 4)), np.eye(3, dtype="i4")[np.arange(N) % 3]
    files = {"x": x[:num_train], "tx": x[9:], "allx": x[:9]}
    files |= {"y": one_hot[:num_train], "ty": one_hot[9:], "ally": one_hot[:9]}
    files |= {"graph": {k: [(k + edge) % N if k else edge] for k in range(N)}, **parts}
    for name, value in files.items():
        (raw / f"ind.pubmed.{name}").write_bytes(pickle.dumps(value, 2))
    (raw / "ind.pubmed.test.index").write_text("".join(f"{k}\n" for k in test or [11, 9, 10]))
    return raw


def test_planetoid_nodes_without_a_label_are_in_no_drawn_split(tmp_path: Path) -> None:
    one_hot = np.eye(3, dtype="i4")[np.arange(9) % 3]
    one_hot[8] = 0
    write_planetoid(tmp_path, test=[13, 9, 11], ally=one_hot)
    dataset = load("pubmed", tmp_path)
    y = dataset.graphs[0].y
    assert y.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, -1, 1, -1, 2, -1, 0]
    assert torch.equal(dataset.graphs[0].x[13], torch.eye(N, 4)[9])  # the first row of tx is that of node 13
    assert dataset.splits[0].test.tolist() == [9, 11, 13] and dataset.splits[0].val.tolist() == [3, 4, 5, 6, 7]
    drawn = load("pubmed", tmp_path, split="0.4,0.3,0.3").splits[0]
    assert sorted(torch.cat([drawn.train, drawn.val, drawn.test]).tolist()) == (y >= 0).nonzero().view(-1).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge": 50}, "ind.pubmed.graph: an edge names the node 50, but nodes are numbered 0 to 11"),
        ({"edge": -1}, "ind.pubmed.graph: an edge names the node -1"),
        ({"graph": {0: [1.5]}}, "an edge names the node 1.5"),
        ({"graph": [1, 2]}, "ind.pubmed.graph: it must be a dictionary of lists"),
        ({"test": [11, 9, 9]}, "ind.pubmed.test.index: test nodes must be named once"),
        ({"test": [11, 9, 2]}, "ind.pubmed.test.index: test nodes must be named once and be 9 or more"),
        ({"test": [11, 9, 10**12]}, "too large for a file of its size"),
        ({"test": [11, 9]}, "the shapes of the arrays do not match"),
        ({"num_train": 0}, "the split has no training item"),
        ({"ty": np.ones((3, 3), "i4")}, "each row of labels must have a single one"),
        ({"allx": scipy.sparse.csr_matrix((9, 10**9))}, "ind.pubmed.allx: a matrix of 9 x 1,000,000,000 values"),
        ({"tx": scipy.sparse.csr_matrix(np.full((3, 4), np.nan))}, "must be a finite number .got nan"),
    ],
)
def test_wrong_planetoid_files_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    write_planetoid(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as error:
        load("pubmed", tmp_path)
    assert "'pubmed'" in str(error.value) and "\n" not in str(error.value)


def test_one_list_of_neighbors_does_not_stand_for_many_edges(tmp_path: Path) -> None:
    shared = [1] * 200
    write_planetoid(tmp_path, graph={k: shared for k in range(N)})
    with pytest.raises(InputError, match="ind.pubmed.graph: it has more edges than bytes"):
        load("pubmed", tmp_path)


def test_a_published_pickle_that_was_changed_is_refused_and_a_table_is_noted(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("Planetoid/Cora/raw", "Airports/europe/raw"):
        (tmp_path / folder).mkdir(parents=True)
        for path in (real / folder).iterdir():
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    source = get_dataset("cora").source
    assert changed_files(source, tmp_path / "Planetoid/Cora/raw") == []
    path = tmp_path / "Planetoid/Cora/raw/ind.cora.ty"
    path.write_bytes(pickle.dumps(np.eye(7, dtype="i4")[np.zeros(1000, dtype=int)], 2))
    with pytest.raises(InputError, match="ind.cora.ty: its SHA-256 is not that of the published file"):
        load("cora", tmp_path)
    edges = tmp_path / "Airports/europe/raw/europe-airports.edgelist"
    edges.write_bytes(edges.read_bytes().replace(b"\n", b"\n\n", 1))
    assert load("airports-europe", tmp_path).graphs[0].num_edges == 11988
    assert "not the published ones: europe-airports.edgelist" in caplog.text
    assert capsys.readouterr() == ("", "")


def write_airports(root: Path, edges: str = "7 3\n3 5\n5 5\n7 3\n", labels: str = "7 1\n5 0\n3 2\n9 0\n") -> None:
    raw = root / "Airports" / "brazil" / "raw"
    raw.mkdir(parents=True)
    (raw / "brazil-airports.edgelist").write_text(edges)
    (raw / "labels-brazil-airports.txt").write_text("node label\n" + labels)


def test_airports_count_each_flight_in_both_directions_and_keep_their_numbers(tmp_path: Path) -> None:
    write_airports(tmp_path, labels="7 1\n5 0\n3 2\n" + "".join(f"{k} {k % 3}\n" for k in range(10, 20)))
    dataset = load("airports-brazil", tmp_path)
    pairs = set(map(tuple, dataset.graphs[0].edge_index.as_tensor().t().tolist()))
    assert pairs == {(0, 2), (2, 0), (2, 1), (1, 2), (1, 1)}
    assert dataset.node_names[:3] == ("7", "5", "3") and dataset.graphs[0].y[:3].tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"edges": "7 4\n"}, "brazil-airports.edgelist: the airport 4 has no label"),
        ({"edges": "7 x\n"}, "'brazil-airports.edgelist' cannot be read"),
        ({"edges": "7 3 1\n"}, "each line must have 2 numbers .got 3"),
        ({"edges": "7 99999999999999999999\n"}, "'brazil-airports.edgelist' cannot be read"),
        ({"labels": "7 1\n7 0\n3 1\n5 0\n"}, "each airport must have one label"),
        ({"labels": "7 1\n5 4\n3 1\n9 0\n"}, "labels"),
        ({"labels": ""}, "labels-brazil-airports.txt"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, files: dict, message: str) -> None:
    write_airports(tmp_path, **files)
    with pytest.raises(InputError, match=message):
        load("airports-brazil", tmp_path)


def webkb(root: Path) -> Path:
    raw = root / "WebKB" / "cornell" / "raw"
    raw.mkdir(parents=True)
    rows = [f"{k}\t{k % 2},1\t{k % 3}" for k in range(N)]
    (raw / "out1_node_feature_label.txt").write_text("node_id\tfeature\tlabel\n" + "\n".join(rows) + "\n")
    (raw / "out1_graph_edges.txt").write_text("a\tb\n" + "".join(f"{k}\t{(k + 1) % N}\n" for k in range(N)))
    fold = np.arange(N) // 3 % 4
    for k in range(10):
        np.savez(raw / f"cornell_split_0.6_0.2_{k}.npz", train_mask=fold < 2, val_mask=fold == 2, test_mask=fold == 3)
    return raw


def test_wrong_splits_and_edges_of_webkb_are_refused(tmp_path: Path) -> None:
    raw = webkb(tmp_path)
    assert len(load("cornell", tmp_path).splits) == 10
    fold, path = np.arange(N) // 3 % 4, raw / "cornell_split_0.6_0.2_4.npz"
    masks = {"train_mask": fold < 2, "val_mask": fold == 2, "test_mask": fold == 3}
    for changes, message in (
        ({"test_mask": fold >= 2}, "split 4 has item 6 more than once, in val and test"),
        ({"test_mask": fold[:5] == 1}, "4.npz: `test_mask` must have the shape .12. .got .5."),
        ({"val_mask": fold}, "4.npz: `val_mask` must hold 0 and 1"),
        ({"val_mask": np.zeros(N, bool), "test_mask": np.zeros(N, bool)}, "split 4 has no test item"),
    ):
        np.savez(path, **{**masks, **changes})
        with pytest.raises(InputError, match=message):
            load("cornell", tmp_path)
    np.savez(path, train_mask=fold < 2)
    with pytest.raises(InputError, match="the array `val_mask` is absent"):
        load("cornell", tmp_path)
    np.savez(path, **masks)
    (raw / "out1_graph_edges.txt").write_text("a\tb\n0\t1\n3\t12\n")
    with pytest.raises(InputError, match="out1_graph_edges.txt: edge 1 joins 3 and 12"):
        load("cornell", tmp_path)


def test_wrong_tables_of_tu_are_refused(tmp_path: Path) -> None:
    raw = tmp_path / "TUDataset" / "PTC_MR" / "raw"
    raw.mkdir(parents=True)
    right = {
        "A": "".join(f"{2 * k + 1}, {2 * k + 2}\n{2 * k + 2}, {2 * k + 1}\n" for k in range(12)) + "1, 1\n1, 2\n",
        "graph_indicator": "".join(f"{k // 2 + 1}\n" for k in range(24)),
        "graph_labels": "1\n-1\n" * 6,
        "node_labels": "".join(f"{2 * (k % 2) + 4}\n" for k in range(24)),
    }

    def written(**changes: str) -> None:
        for name, text in {**right, **changes}.items():
            (raw / f"PTC_MR_{name}.txt").write_text(text)

    written()
    dataset = load("ptc-mr", tmp_path)
    assert dataset.graphs[0].num_edges == 2 and dataset.graphs[0].x.tolist() == [[1, 0, 0], [0, 0, 1]]
    for name, text, message in (
        ("A", right["A"] + "1, 3\n", "PTC_MR_A.txt: an edge joins two graphs"),
        ("A", right["A"] + "1, 25\n", "PTC_MR_A.txt: edge 26 joins 0 and 24"),
        ("A", right["A"] + "0, 1\n", "PTC_MR_A.txt: edge 26 joins -1 and 0"),
        ("graph_indicator", right["graph_indicator"].replace("12", "4000000000"), "graphs must be numbered 1 to 12"),
        ("graph_indicator", right["graph_indicator"] + "12\n", "one line for each of the 25 nodes"),
        ("node_labels", right["node_labels"] + "7000000000\n", "a matrix of 25 x 6,999,999,997 values is too large"),
        ("node_labels", "1, 2\n" * 24 + "1\n", "'PTC_MR_node_labels.txt' cannot be read"),
    ):
        written(**{name: text})
        with pytest.raises(InputError, match=message):
            load("ptc-mr", tmp_path)


def test_wrong_arrays_of_heterophilous_graphs_are_refused(tmp_path: Path) -> None:
    raw = tmp_path / "HeterophilousGraphDataset" / "questions" / "raw"
    raw.mkdir(parents=True)
    fold = np.arange(N) // 3 % 4
    masks = {f"{name}_masks": np.tile(fold == k, (2, 1)) for k, name in enumerate(("train", "val", "test"))}
    edges = np.stack([np.arange(N - 1), np.arange(1, N)], axis=1)
    right = {"node_features": np.eye(N, 3), "node_labels": np.arange(N) % 2, "edges": edges, **masks}
    np.savez(raw / "questions.npz", **{**right, "node_features": np.eye(N, 3, dtype=">f8")})
    dataset = load("questions", tmp_path)
    assert len(dataset.splits) == 2 and dataset.graphs[0].num_edges == 2 * (N - 1)
    assert torch.equal(dataset.graphs[0].x, torch.eye(N, 3))
    for name, value, message in (
        ("val_masks", masks["val_masks"][:1], "masks must have 12 rows, one per node, and one column per split"),
        ("edges", edges + 1, "questions.npz: edge 10 joins 11 and 12"),
        ("edges", edges.T, "questions.npz: the shapes of the arrays do not match"),
        ("train_masks", np.array(True), "questions.npz: the shapes of the arrays do not match"),
        ("edges", np.uint64(2**64 - 1) * np.ones((2, 2), "u8"), "`edges`: its numbers must be below"),
        ("node_labels", np.arange(N) % 3, "the labels of 'questions' must be 0 and 1 .got 3 classes"),
        ("node_features", np.full((N, 3), np.inf), "feature 0 of node 0 must be a finite number"),
        ("node_features", np.array(["text"] * N), "`node_features`: it must hold numbers"),
        ("node_features", np.array([{}] * N), "'questions.npz' cannot be read"),
    ):
        np.savez(raw / "questions.npz", **{**right, name: value})
        with pytest.raises(InputError, match=message):
            load("questions", tmp_path)


def test_nodes_of_ogb_without_a_label_have_none(tmp_path: Path) -> None:
    tables = {
        "raw/edge": "0,1\n1,2\n", "raw/num-node-list": "5\n", "raw/num-edge-list": "2\n",
        "raw/node-feat": "0.5\n1\n2\n3\n4\n", "raw/node-label": "0\n1\n\n1\n0\n",
        "split/time/train": "0\n1\n", "split/time/valid": "3\n", "split/time/test": "4\n",
    }  # fmt: skip
    for name, text in tables.items():
        path = tmp_path / "ogbn_arxiv" / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    assert load("ogbn-arxiv", tmp_path).graphs[0].y.tolist() == [0, 1, -1, 1, 0]
    for name, text, message in (
        ("raw/edge", "0,1\n1,5\n", "edge.csv.gz: edge 1 joins 1 and 5"),
        ("raw/num-edge-list", "3\n", "edge.csv.gz: the table must have the shape .3, 2. .got .2, 2."),
        ("split/time/test", "5\n", "items from 0 to 4 in its test part"),
        ("split/time/test", "1\n", "item 1 more than once, in train and test"),
        ("raw/node-label", "0\n1\nx\n1\n0\n", "'node-label.csv.gz' cannot be read"),
    ):
        path = tmp_path / "ogbn_arxiv" / f"{name}.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
        with pytest.raises(InputError, match=message):
            load("ogbn-arxiv", tmp_path)
        path.write_bytes(gzip.compress(tables[name].encode()))
    (tmp_path / "ogbn_arxiv" / "raw" / "edge.csv.gz").write_bytes(gzip.compress(b"0,1\n1,2\n")[:-6])
    with pytest.raises(InputError, match="'edge.csv.gz' cannot be read"):
        load("ogbn-arxiv", tmp_path)


BOMBS = {
    "heterophilous": (
        "questions",
        """raw = root / "HeterophilousGraphDataset" / "questions" / "raw"; raw.mkdir(parents=True)
np.savez_compressed(raw / "questions.npz", node_features=np.zeros(2**29, "i1"))""",
    ),
    "gzip": (
        "ogbn-arxiv",
        """
for name in ("raw/edge", "raw/num-node-list", "raw/num-edge-list", "raw/node-feat", "raw/node-label",
             "split/time/train", "split/time/valid", "split/time/test"):
    path = root / "ogbn_arxiv" / f"{name}.csv.gz"; path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"0,1\\n" * 2**26 if name == "raw/edge" else b"0\\n", 1))""",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_does_not_ask_for_gigabytes(tmp_path: Path, name: str) -> None:
    dataset, write = BOMBS[name]
    head = "import gzip, pathlib, sys\nimport numpy as np\nroot = pathlib.Path(sys.argv[1])\n"
    subprocess.run([sys.executable, "-c", head + write, str(tmp_path)], check=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="100 times the file"):
        load(dataset, tmp_path)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 500


def test_a_deep_json_file_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "PPI" / "raw"
    raw.mkdir(parents=True)
    for split_name in ("train", "valid", "test"):
        links = [{"source": 0, "target": 1}]
        (raw / f"{split_name}_graph.json").write_text(json.dumps({"directed": False, "links": links}))
        np.save(raw / f"{split_name}_feats.npy", np.ones((3, 5)))
        np.save(raw / f"{split_name}_labels.npy", np.ones((3, 4)))
        np.save(raw / f"{split_name}_graph_id.npy", np.ones(3, dtype="i8"))
    assert load("ppi", tmp_path).graphs[0].num_edges == 2  # both directions
    (raw / "train_graph.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="'train_graph.json' cannot be read"):
        load("ppi", tmp_path)


def test_a_changed_cache_is_read_without_running_anything(tmp_path: Path) -> None:
    raw = tmp_path / "EmailEUCore" / "raw"
    test_wrong_tables_of_tu_are_refused(tmp_path / "other")
    cache = Path(os.environ["GRAPHKIT_CACHE"]) / "processed"
    marker = tmp_path / "made"

    class Payload:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(marker),)

    tables = tmp_path / "other" / "TUDataset" / "PTC_MR" / "raw"
    (tables / "PTC_MR_node_labels.txt").write_text("1\n" * 24)
    assert load("ptc-mr", tmp_path / "other").num_features == 1
    newest = max(cache.glob("ptc-mr-*"), key=lambda path: path.stat().st_mtime_ns)
    torch.save({"edge_index": Payload()}, newest)
    assert load("ptc-mr", tmp_path / "other").num_features == 1
    assert not marker.exists() and not raw.exists()


def test_requests_carry_the_addresses_of_all_files() -> None:
    """Every source that downloads does so over https, and names all of its files or an archive."""
    from graphkit.registry import dataset_names

    for name in dataset_names():
        source = get_dataset(name).source
        assert all(url.startswith("https://") for url in source.urls), name
        names = [url.split("?")[0].rsplit("/", 1)[-1] for url in source.urls]
        if source.urls and not any(file_name.endswith(".zip") for file_name in names):
            assert {file_name.removesuffix(".gz") for file_name in names} == set(source.files), name
    assert Request("cora", get_dataset("cora").source).root is None
