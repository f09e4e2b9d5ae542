"""Data sets with unavailable raw files, read from small files in the published formats."""

import functools
import gzip
import http.server
import json
import pickle
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Data
from torch_geometric.utils import contains_self_loops, is_undirected

from graphkit.data import download, load
from graphkit.data.dataset_info import Request, Source
from graphkit.data.datasets import ogb as ogb_module
from graphkit.screen import showing_notes


def raw(root: Path, *parts: str) -> Path:
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True)
    return folder


def test_zinc_has_bond_types_as_true_factors(tmp_path: Path) -> None:
    folder = raw(tmp_path, "ZINC", "raw")
    for subset, count in (("train", 4), ("val", 2), ("test", 2)):
        bond = torch.zeros(3, 3, dtype=torch.long)
        bond[0, 1] = bond[1, 0] = 1
        bond[1, 2] = bond[2, 1] = 3
        molecule = {"atom_type": torch.tensor([0, 5, 27]), "bond_type": bond}
        molecules = [{**molecule, "logP_SA_cycle_normalized": torch.tensor([float(k)])} for k in range(count)]
        (folder / f"{subset}.pickle").write_bytes(pickle.dumps(molecules))
        (folder / f"{subset}.index").write_text(",".join(map(str, range(count - 1))) + "\n")
    dataset = load("zinc", tmp_path)
    assert (dataset.num_categories, dataset.metric, dataset.task) == (28, "mae", "graph-regression")
    assert [subset.tolist() for subset in vars(dataset.splits[0]).values()] == [[0, 1, 2], [3], [4]]
    batch = dataset.graphs.batch([2, 0])
    assert batch.x.tolist() == [0, 5, 27, 0, 5, 27] and batch.y.tolist() == [[2.0], [0.0]]
    factor = dict(
        zip(
            map(tuple, batch.edge_index.as_subclass(torch.Tensor).t().tolist()), batch.factor_mask.tolist(), strict=True
        )
    )
    assert factor[0, 1] == [True, False, False] and factor[2, 1] == [False, False, True] and len(factor) == 8
    assert len(load("zinc", tmp_path, subset=False).graphs) == 8
    assert dataset.num_edge_features == 0
    edge = load("zinc", tmp_path, bond_types=True).graphs.edge
    assert edge["edge_attr"].shape == (20, 3) and torch.equal(edge["edge_attr"], edge["factor_mask"].float())


def test_chickenpox_has_lags_as_features(tmp_path: Path) -> None:
    folder = raw(tmp_path, "TemporalSignal")
    names = {"PEST": 1, "BEKES": 0}
    content = {
        "edges": [[0, 1], [1, 0], [1, 1]],
        "node_ids": names,
        "FX": [[float(week), -float(week)] for week in range(14)],
    }
    path = folder / "chickenpox.json"
    path.write_text(json.dumps(content))
    dataset = load("chickenpox", tmp_path, lags=2)
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [list(range(8)), [8, 9], [10, 11]]
    first = dataset.graphs[0]
    assert (first.x.tolist(), first.y.tolist(), first.time.tolist()) == ([[0, 1], [0, -1]], [[2], [-2]], [2])
    assert first.edge_index.as_subclass(torch.Tensor).tolist() == [[1, 0, 1], [0, 1, 1]]
    assert dataset.node_names[:3] == ("BEKES", "PEST", "BEKES") and dataset.graph_names[0] == "week 2"
    with pytest.raises(ValueError, match="`data.lags` must be from 1 to 7 for 14 weeks .got 8."):
        load("chickenpox", tmp_path, lags=8)
    for broken, message in (
        ({**content, "FX": content["FX"][:5]}, "`FX` must have a row of cases per week"),
        ({**content, "edges": [[0, 2]]}, "edge 0 joins 0 and 2"),
        ({"edges": []}, "chickenpox.json"),
        ({**content, "node_ids": {"PEST": 1, "BEKES": 1}}, "`node_ids` must number the 2 columns"),
        ({**content, "FX": [[1.0], [1.0, 2.0]]}, "chickenpox.json"),
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=message):
            load("chickenpox", tmp_path)


def test_published_pattern_graphs_are_preferred(tmp_path: Path) -> None:
    folder = raw(tmp_path, "GNNBenchmarkDataset", "PATTERN", "raw")
    graph = {"x": torch.eye(3), "edge_index": torch.tensor([[0, 1], [1, 0]]), "y": torch.tensor([0, 1, 0])}
    torch.save(([graph] * 3, [graph], [graph] * 2), folder / "PATTERN_v2.pt")
    dataset = load("pattern", tmp_path)
    assert [ids.numel() for ids in vars(dataset.splits[0]).values()] == [3, 1, 2]
    assert dataset.graphs[0].x.tolist() == [0, 1, 2] and "generated" not in dataset.citation


def test_generated_pattern_graphs_say_so() -> None:
    dataset = load("pattern", num_graphs=35, seed=4)
    assert dataset.citation.startswith("generated with seed 4, not the published graphs")
    assert [ids.numel() for ids in vars(dataset.splits[0]).values()] == [25, 5, 5]
    assert (dataset.metric, dataset.num_categories, dataset.num_outputs) == ("balanced-accuracy", 3, 2)
    inside, across = [], []
    for data in dataset.graphs:
        assert int(data.y.sum()) == 20 and 45 <= data.num_nodes <= 195
        plain = data.edge_index.as_tensor()
        assert is_undirected(plain) and not contains_self_loops(plain)
        planted = data.y[data.edge_index.as_subclass(torch.Tensor)]
        other = data.num_nodes - 20
        inside.append(float((planted.sum(dim=0) == 2).sum()) / (20 * 19))
        across.append(float((planted.sum(dim=0) == 1).sum()) / (2 * 20 * other))
    assert abs(np.mean(inside) - 0.5) < 0.05 and abs(np.mean(across) - 0.5) < 0.02
    again = load("pattern", num_graphs=35, seed=4)
    assert torch.equal(dataset.graphs.edge_index, again.graphs.edge_index)
    with pytest.raises(FileNotFoundError, match="PATTERN_v2.pt"):
        load("pattern", published=True)


def test_ppi_has_many_labels_and_three_parts(tmp_path: Path) -> None:
    folder = raw(tmp_path, "PPI", "raw")
    for subset, count in (("train", 2), ("valid", 1), ("test", 1)):
        nodes = 3 * count
        links = [{"source": 3 * k, "target": 3 * k + 1} for k in range(count)]
        links += [{"source": 3 * k + 1, "target": 3 * k} for k in range(count)]
        graph = {"directed": True, "multigraph": False, "graph": {}, "nodes": [{"id": k} for k in range(nodes)]}
        (folder / f"{subset}_graph.json").write_text(json.dumps({**graph, "links": links}))
        np.save(folder / f"{subset}_feats.npy", np.ones((nodes, 5)))
        np.save(folder / f"{subset}_labels.npy", np.ones((nodes, 4)))
        np.save(folder / f"{subset}_graph_id.npy", np.repeat(np.arange(count) + 1, 3))
    dataset = load("ppi", tmp_path)
    assert (dataset.task, dataset.metric, dataset.num_outputs) == ("multilabel-node-classification", "micro-f1", 4)
    assert [subset.tolist() for subset in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]
    assert dataset.graphs.batch([0, 3]).y.shape == (6, 4)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("computers", "Amazon/Computers/raw/amazon_electronics_computers.npz"),
        ("physics", "Coauthor/Physics/raw/ms_academic_phy.npz"),
        ("cora-full", "CitationFull/cora/raw/cora.npz"),
        ("cora-ml", "CitationFull/cora_ml/raw/cora_ml.npz"),
    ],
)
def test_attributed_graphs_of_shchur(tmp_path: Path, name: str, path: str) -> None:
    size = 40
    adjacency = scipy.sparse.csr_array(
        (np.ones(size), (np.arange(size), (np.arange(size) + 1) % size)), shape=(size, size)
    )
    features = scipy.sparse.csr_array(np.eye(size, 6))
    (tmp_path / path).parent.mkdir(parents=True)
    np.savez(
        tmp_path / path,
        **{f"adj_{key}": getattr(adjacency, key) for key in ("data", "indices", "indptr", "shape")},
        **{f"attr_{key}": getattr(features, key) for key in ("data", "indices", "indptr", "shape")},
        labels=np.arange(size) % 4,
    )
    dataset = load(name, tmp_path)
    assert (dataset.num_features, dataset.num_outputs, dataset.graphs[0].num_edges) == (6, 4, 80)
    assert torch.bincount(dataset.graphs[0].y[dataset.splits[0].train]).tolist() == [6, 6, 6, 6]


def test_reddit_keeps_the_published_split(tmp_path: Path) -> None:
    folder = raw(tmp_path, "Reddit", "raw")
    np.savez(
        folder / "reddit_data.npz", feature=np.eye(4), label=np.array([0, 1, 0, 1]), node_types=np.array([1, 1, 2, 3])
    )
    scipy.sparse.save_npz(folder / "reddit_graph.npz", scipy.sparse.coo_matrix(np.eye(4)[::-1]))
    dataset = load("reddit", tmp_path)
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]


def write_table(path: Path, rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.write("\n".join(",".join(map(str, row)) for row in rows) + "\n")  # type: ignore[attr-defined]


def write_ogb(folder: Path, split: str, tables: dict[str, object]) -> None:
    for name, rows in tables.items():
        write_table(folder / "raw" / f"{name}.csv.gz", rows)
    for split_name, ids in (("train", [[0], [1]]), ("valid", [[2]]), ("test", [[3]])):
        write_table(folder / "split" / split / f"{split_name}.csv.gz", ids)


NODE_TABLES = {
    "edge": [(0, 1), (1, 2), (3, 2)],
    "num-node-list": [(4,)],
    "num-edge-list": [(3,)],
    "node-feat": [(0.5, -1), (1, 2), (3, 4e-3), (5, 6)],
    "node-label": [(0,), (2,), (1,), (0,)],
}


def test_ogbn_arxiv_keeps_directions_and_products_gets_both(tmp_path: Path) -> None:
    write_ogb(tmp_path / "ogbn_arxiv", "time", NODE_TABLES)
    write_ogb(tmp_path / "ogbn_products", "sales_ranking", NODE_TABLES)
    arxiv, products = load("ogbn-arxiv", tmp_path), load("ogbn-products", tmp_path)
    assert arxiv.graphs[0].num_edges == 3 and products.graphs[0].num_edges == 6
    assert is_undirected(products.graphs[0].edge_index.as_tensor())
    assert torch.allclose(arxiv.graphs[0].x, torch.tensor([[0.5, -1], [1, 2], [3, 4e-3], [5, 6]]))
    assert arxiv.graphs[0].y.tolist() == [0, 2, 1, 0] and arxiv.num_outputs == 3
    assert [ids.tolist() for ids in vars(arxiv.splits[0]).values()] == [[0, 1], [2], [3]]
    assert torch.equal(load("ogbn-arxiv", tmp_path).graphs[0].x, arxiv.graphs[0].x)  # now from the cache


def test_ogbg_molhiv_lists_every_bond_once(tmp_path: Path) -> None:
    tables = {
        "edge": [(0, 1), (1, 2), (0, 1), (0, 1), (1, 0)],
        "num-node-list": [(3,), (2,), (1,), (2,)],
        "num-edge-list": [(2,), (1,), (0,), (2,)],
        "node-feat": [(k % 3, 7) for k in range(8)],
        "edge-feat": [(k, 0, 0) for k in range(5)],
        "graph-label": [(1,), (0,), ("",), (1,)],
    }
    write_ogb(tmp_path / "ogbg_molhiv", "scaffold", tables)
    dataset = load("ogbg-molhiv", tmp_path)
    first = dataset.graphs[0]
    pairs = map(tuple, first.edge_index.as_subclass(torch.Tensor).t().tolist())
    bond = dict(zip(pairs, first.edge_attr[:, :5].argmax(dim=1).tolist(), strict=True))
    assert bond == {(0, 1): 0, (1, 0): 0, (1, 2): 1, (2, 1): 1}
    assert dataset.num_edge_features == 7 and first.edge_attr.sum(dim=1).tolist() == [3, 3, 3, 3]
    assert [data.num_edges for data in dataset.graphs] == [4, 2, 0, 4]
    assert dataset.num_features == 4 and first.x.sum(dim=1).tolist() == [2, 2, 2]
    y = dataset.graphs.batch(torch.arange(4)).y
    assert y.shape == (4, 1) and bool(y[2].isnan()) and y[[0, 1, 3]].view(-1).tolist() == [1, 0, 1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    folder = raw(tmp_path, "server")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def from_server(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Request:
    monkeypatch.delenv("GRAPHKIT_OFFLINE")
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "SCHEMES", ("http",))  # the server of the test speaks no https
    source = ogb_module.NODE_SOURCES["ogbn-arxiv"]
    return Request("ogbn-arxiv", Source(source.folder, source.raw, source.files, address, urls=(address,)))


def test_a_download_is_complete_and_kept(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ogb(tmp_path / "arxiv", "time", NODE_TABLES)
    with zipfile.ZipFile(tmp_path / "server" / "arxiv.zip", "w") as archive:
        for path in sorted((tmp_path / "arxiv").rglob("*.gz")):
            archive.write(path, path.relative_to(tmp_path))
    request = from_server(f"{server}/arxiv.zip", monkeypatch, tmp_path)
    with showing_notes():
        assert ogb_module.ogbn(request).num_outputs == 3
    assert capsys.readouterr().err.startswith("downloading 'ogbn-arxiv'")
    (tmp_path / "server" / "arxiv.zip").unlink()
    assert ogb_module.ogbn(request).num_outputs == 3
    assert sorted(path.name for path in (tmp_path / "cache" / "raw").iterdir()) == ["ogbn_arxiv"]


@pytest.mark.parametrize("fault", ["absent", "no archive", "unsafe"])
def test_a_failed_download_is_one_line_and_leaves_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    target = tmp_path / "server" / "arxiv.zip"
    if fault == "no archive":
        target.write_text("sorry")
    if fault == "unsafe":
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("../escaped.csv.gz", "x")
    with pytest.raises(FileNotFoundError, match="the download failed") as error:
        ogb_module.ogbn(from_server(f"{server}/arxiv.zip", monkeypatch, tmp_path))
    assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "cache" / "raw").rglob("*") if path.is_file()]
    assert not list(tmp_path.rglob("escaped.csv.gz"))


def test_multi_split_masks_of_a_pyg_graph_are_all_read() -> None:
    from graphkit.data.single_graph import from_masks

    masks = {
        f"{split_name}_mask": torch.eye(6, 3).roll(2 * k, 0).bool()
        for k, split_name in enumerate(("train", "val", "test"))
    }
    data = Data(x=torch.eye(6), edge_index=torch.empty(2, 0).long(), y=torch.arange(6) % 2, **masks)
    assert len(from_masks("any", data, "nowhere").splits) == 3
