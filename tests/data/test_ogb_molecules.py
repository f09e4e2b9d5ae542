"""Molecules in the format of the Open Graph Benchmark, against the ``ogb`` package where it is installed."""

import csv
import gzip
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphkit
from graphkit.data import GraphDataset, load
from graphkit.data.datasets.ogb import MAPPING
from graphkit.data.smiles import OGB_ATOM_SIZES, OGB_BOND_SIZES, ogb_codes, parse_smiles
from graphkit.errors import InputError
from graphkit.metrics import mean_average_precision, rmse, roc_auc

pytestmark = pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")

#: Molecules with all kinds of bonds, charges, radicals, stereo configurations, and elements outside of the vocabulary.
SMILES = [
    "CCO", "c1ccccc1O", "C", "CC#N", "C/C=C/O", "C/C=C\\O", "CC=CO", "N[C@@H](C)C(=O)O", "N[C@H](C)C(=O)O",
    "[NH4+].[Cl-]", "[O-][N+](=O)c1ccccc1", "C[CH2]", "*CC", "FS(F)(F)(F)(F)F", "[Na+].[O-]C", "P(Cl)(Cl)(Cl)(Cl)Cl",
    "C1CC1", "[2H]C", "[Fe+2]", "C[Si](C)C", "Br", "O=C=O", "N->[B]", "c1ccsc1",
]  # fmt: skip
LABELS: list[Any] = [number % 2 for number in range(len(SMILES))]
SPLIT = {"train": range(16), "valid": range(16, 20), "test": range(20, 24)}


def write_rows(path: Path, rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def write_molecules(root: Path, mapping: bool = True) -> Path:
    """Writes the molecules as ``ogbg-molhiv``: each bond once, atoms and bonds of all molecules one after the other."""
    folder = root / "ogbg_molhiv"
    tables: dict[str, list[Any]] = {"edge": [], "edge-feat": [], "node-feat": [], "num-node-list": []}
    tables |= {"num-edge-list": [], "graph-label": [[label] for label in LABELS]}
    for text in SMILES:
        data = parse_smiles(text)
        x, edge_attr = ogb_codes(data.x, data.edge_attr)
        once = data.edge_index[0] < data.edge_index[1]
        tables["edge"] += data.edge_index[:, once].t().tolist()
        tables["edge-feat"] += edge_attr[once].tolist()
        tables["node-feat"] += x.tolist()
        tables["num-node-list"].append([x.size(0)])
        tables["num-edge-list"].append([int(once.sum())])
    for name, rows in tables.items():
        write_rows(folder / "raw" / f"{name}.csv.gz", rows)
    for name, ids in SPLIT.items():
        write_rows(folder / "split" / "scaffold" / f"{name}.csv.gz", [[number] for number in ids])
    if mapping:
        rows = [[label, text, f"M{number}"] for number, (label, text) in enumerate(zip(LABELS, SMILES, strict=True))]
        write_rows(folder / MAPPING, [["HIV_active", "smiles", "mol_id"], *rows])
    return folder


def codes(dataset: GraphDataset, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the integers of one-hot atoms and bonds."""
    data, encoder = dataset.graphs[index], dataset.encoder
    blocks = []
    for columns, values in ((data.x, encoder.values), (data.edge_attr, encoder.bonds)):
        parts = columns.split([len(row) for row in values], dim=1)
        rows = [torch.tensor(row)[part.argmax(dim=1)] for part, row in zip(parts, values, strict=True)]
        blocks.append(torch.stack(rows, dim=1))
    return blocks[0], blocks[1]


def bonds(edge_index: Any, features: Any) -> dict[tuple[int, int], list[int]]:
    pairs = np.asarray(edge_index).T.tolist()
    return {tuple(pair): row for pair, row in zip(pairs, np.asarray(features).tolist(), strict=True)}


def test_molecules_keep_features_names_and_split(tmp_path: Path) -> None:
    write_molecules(tmp_path)
    dataset = load("ogbg-molhiv", tmp_path)
    assert dataset.smiles == tuple(SMILES) and dataset.class_names == ("HIV_active",)
    assert dataset.graph_names == tuple(f"M{number}" for number in range(24))
    (split,) = dataset.splits
    assert [split.train.tolist(), split.val.tolist(), split.test.tolist()] == [[*ids] for ids in SPLIT.values()]
    assert dataset.targets().view(-1).tolist() == LABELS and dataset.metric == "roc-auc"
    for index, text in enumerate(SMILES):
        data = parse_smiles(text)
        x, edge_attr = ogb_codes(data.x, data.edge_attr)
        assert bool((x < torch.tensor(OGB_ATOM_SIZES)).all() & (edge_attr < torch.tensor(OGB_BOND_SIZES)).all())
        got = codes(dataset, index)
        assert torch.equal(got[0], x)
        edge_index = dataset.graphs[index].edge_index.as_tensor()
        assert bonds(edge_index, got[1]) == bonds(data.edge_index, edge_attr)
    assert load("ogbg-molhiv", tmp_path).smiles == dataset.smiles  # now from the cache
    drawn = load("ogbg-molhiv", tmp_path, split="scaffold:0.1,0.1,0.8")
    assert len(drawn.splits) == 10


def test_the_mapping_is_optional_and_checked(tmp_path: Path) -> None:
    folder = write_molecules(tmp_path, mapping=False)
    dataset = load("ogbg-molhiv", tmp_path)
    assert dataset.smiles == dataset.graph_names == dataset.class_names == ()
    for rows in ([["smiles"], ["C"]], [["other"], *[["C"]] * 24], [["smiles", "mol_id"], *[["C"]] * 24]):
        write_rows(folder / MAPPING, rows)
        with pytest.raises(InputError, match="mapping/mol.csv.gz: it must have a column `smiles` and one row"):
            load("ogbg-molhiv", tmp_path)
    write_rows(folder / MAPPING, [["smiles", "mol_id"], *[["C", "same"]] * 24])
    assert load("ogbg-molhiv", tmp_path).graph_names == tuple(map(str, range(24)))


def test_predictions_have_ids_and_smiles_and_new_molecules_are_encoded(tmp_path: Path) -> None:
    write_molecules(tmp_path)
    run = graphkit.fit(
        "gin", "ogbg-molhiv", root=tmp_path, epochs=1, set={"model.hidden_channels": 4}, output=tmp_path / "run"
    )
    run.predict().to_csv(tmp_path / "p.csv")
    rows = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert [(row["id"], row["smiles"].lstrip("'")) for row in rows] == [(f"M{i}", s) for i, s in enumerate(SMILES)]
    same, new = run.predict(), run.predict([SMILES[7], "CCCCCN"])
    assert new.names == ("HIV_active",) and new.smiles == (SMILES[7], "CCCCCN")
    np.testing.assert_allclose(new.probability[0], same.probability[7], rtol=1e-5)


@pytest.fixture
def _without_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixture in which the import of ``ogb`` does not ask for the newest version over the network."""
    if importlib.util.find_spec("ogb") is None:
        pytest.skip("needs ogb")
    monkeypatch.setitem(sys.modules, "outdated", None)


@pytest.mark.extended  # the import of ogb takes ten seconds
@pytest.mark.usefixtures("_without_request")
def test_features_and_tables_are_those_of_ogb(tmp_path: Path) -> None:
    from ogb.io.read_graph_raw import read_csv_graph_raw
    from ogb.utils import smiles2graph
    from ogb.utils.features import get_atom_feature_dims, get_bond_feature_dims

    assert tuple(get_atom_feature_dims()) == OGB_ATOM_SIZES and tuple(get_bond_feature_dims()) == OGB_BOND_SIZES
    folder = write_molecules(tmp_path)
    dataset = load("ogbg-molhiv", tmp_path)
    graphs = read_csv_graph_raw(str(folder / "raw"), add_inverse_edge=True)
    assert len(graphs) == len(dataset.graphs) == len(SMILES)
    for index, (text, graph) in enumerate(zip(SMILES, graphs, strict=True)):
        expected = smiles2graph(text)
        x, edge_attr = codes(dataset, index)
        for other in (expected, graph):
            np.testing.assert_array_equal(x, other["node_feat"])
            edge_index = dataset.graphs[index].edge_index.as_tensor()
            assert bonds(edge_index, edge_attr) == bonds(other["edge_index"], other["edge_feat"]), text


@pytest.mark.extended
@pytest.mark.usefixtures("_without_request")
@pytest.mark.parametrize(
    ("name", "metric", "key"),
    [
        ("ogbg-moltox21", roc_auc, "rocauc"),
        ("ogbg-molhiv", roc_auc, "rocauc"),
        ("ogbg-molpcba", mean_average_precision, "ap"),
        ("ogbg-molesol", rmse, "rmse"),
    ],
)
def test_metrics_are_those_of_the_evaluator(name: str, metric: Any, key: str) -> None:
    from ogb.graphproppred import Evaluator

    evaluator, generator = Evaluator(name), torch.Generator().manual_seed(0)
    shape = (300, evaluator.num_tasks)
    outputs = (4 * torch.randn(shape, generator=generator)).round() / 4  # with ties
    y = torch.randn(shape, generator=generator)
    y = y if key == "rmse" else (y > 0.8).float()
    if evaluator.num_tasks > 1:
        y[torch.rand(shape, generator=generator) < 0.3] = torch.nan
        y[:, 1] = torch.where(y[:, 1].isnan(), y[:, 1], 0.0)  # one class: left out
    expected = evaluator.eval({"y_true": y.numpy(), "y_pred": outputs.numpy()})[key]
    assert metric(outputs, y) == pytest.approx(float(expected), abs=1e-6)
