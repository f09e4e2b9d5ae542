"""Open Graph Benchmark data sets, read from raw files without the ``ogb`` package.

The ``ogb`` package checks for updates over the network on import, prompts before downloads, and loads its own files
with an unrestricted ``torch.load``. The raw files are plain tables.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.checks import check_edges
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.labels import classes_of_numbers
from graphkit.data.raw_files import find_raw, read_cached
from graphkit.data.raw_tables import open_text, read_table, reading
from graphkit.data.smiles import MoleculeEncoder
from graphkit.data.sources import Benchmark
from graphkit.errors import InputError

ADDRESS = "https://snap.stanford.edu/ogb/data"
CITATION = "Hu et al., Open Graph Benchmark, NeurIPS 2020"
GRAPH_TABLES = ("edge", "num-node-list", "num-edge-list", "node-feat")
SPLIT_PARTS = ("train", "valid", "test")
#: Optional table of the molecules: labels by name, ``smiles`` and ``mol_id``.
MAPPING = "mapping/mol.csv.gz"


def _source(folder: str, tables: tuple[str, ...], split: str, address: str, license: str) -> Source:  # noqa: A002
    raw = tuple(f"raw/{table}.csv.gz" for table in (*GRAPH_TABLES, *tables))
    ids = tuple(f"split/{split}/{subset}.csv.gz" for subset in SPLIT_PARTS)
    address = f"{ADDRESS}/{address}"
    return Source("", folder, raw + ids, address, urls=(address,), citation=CITATION, license=license)


NODE_SOURCES = {
    "ogbn-arxiv": _source("ogbn_arxiv", ("node-label",), "time", "nodeproppred/arxiv.zip", "ODC-BY"),
    "ogbn-products": _source(
        "ogbn_products", ("node-label",), "sales_ranking", "nodeproppred/products.zip", "Amazon license"
    ),
}
GRAPH_SOURCES = {
    "ogbg-molhiv": _source(
        "ogbg_molhiv", ("edge-feat", "graph-label"), "scaffold", "graphproppred/csv_mol_download/hiv.zip", "MIT"
    )
}


BENCHMARKS = {"ogbg-molhiv": Benchmark("inhibition of the replication of HIV", 1, "roc-auc", "published")}


def read_labels(path: Path) -> Tensor:
    """Reads a gzipped table of labels; empty cells and lines are missing labels."""
    with reading(path), open_text(path) as file:
        rows = [[float(cell or "nan") for cell in line.strip().split(",")] for line in file]
        return torch.tensor(rows, dtype=torch.float).view(len(rows), -1 if rows else 1)


def read_tables(request: Request, features: type) -> dict[str, Tensor]:
    """Reads all tables of a data set, or their cached content.

    Args:
        request (Request): Request for the data set.
        features (type): Type of the node features; labels are floats, all others integers.

    Raises:
        InputError: If a table is damaged, or the shapes of tables do not match.
    """

    def reader(raw: Path) -> dict[str, Tensor]:
        tables = {}
        for name in request.source.files:
            key = Path(name).name.removesuffix(".csv.gz")
            if key.endswith("-label"):
                tables[key] = read_labels(raw / name)
            else:
                dtype = features if key == "node-feat" else np.int64
                tables[key] = torch.from_numpy(read_table(raw / name, delimiter=",", dtype=dtype))
        _check_tables(tables)
        return tables

    return read_cached(request, reader)


def _check_tables(tables: dict[str, Tensor]) -> None:
    """Raises an error for tables whose shapes do not match."""
    num_nodes, num_edges = tables["num-node-list"], tables["num-edge-list"]
    nodes, edges, graphs = int(num_nodes.sum()), int(num_edges.sum()), num_nodes.numel()
    rows = {"node-feat": nodes, "node-label": nodes, "edge": edges, "edge-feat": edges}
    rows |= {"graph-label": graphs, "num-edge-list": graphs}
    columns = {"edge": 2, "num-node-list": 1, "num-edge-list": 1, "node-label": 1} | dict.fromkeys(SPLIT_PARTS, 1)
    for key, table in tables.items():
        shape = [rows.get(key, table.size(0)), columns.get(key, table.size(1))]
        if list(table.shape) != shape:
            raise InputError(f"{key}.csv.gz: the table must have the shape {shape} (got {list(table.shape)})")
    if bool((num_nodes < 0).any()) or bool((num_edges < 0).any()):
        raise InputError("num-node-list.csv.gz: a graph has a negative size")
    if num_nodes.numel() == 1:
        check_edges(tables["edge"].t(), int(num_nodes), "edge.csv.gz")


def _both_directions(edge_index: Tensor) -> Tensor:
    """Interleaves each edge with its reverse, as in the benchmark."""
    return torch.stack([edge_index, edge_index.flip(0)], dim=2).flatten(1)


@dataset(NODE_SOURCES, task="node-classification")
def ogbn(request: Request) -> GraphDataset:
    """Loads one large graph with the published split; citations of arxiv are directed.

    The transform ``undirected`` adds reverse edges.
    """
    table = read_tables(request, np.float32)
    edge_index = table["edge"].t().contiguous()
    if request.name == "ogbn-products":
        edge_index = _both_directions(edge_index)
    y, num_classes = classes_of_numbers(table["node-label"].view(-1).numpy(), where="node-label.csv.gz")
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=(Data(x=table["node-feat"], edge_index=edge_index, y=y),),
        splits=(Split(*(table[subset].view(-1) for subset in SPLIT_PARTS)),),
        num_features=table["node-feat"].size(1),
        num_outputs=num_classes,
        metric="accuracy",
        citation=f"{CITATION}; published split",
    )


def read_mapping(request: Request, num_graphs: int) -> dict[str, Any]:
    """Reads SMILES strings, ids and names of labels from the mapping folder, if any.

    Args:
        request (Request): Request for the data set, whose raw files are present.
        num_graphs (int): Number of molecules.

    Returns:
        ``class_names``, ``smiles`` and ``graph_names``; empty without the table. Without ids, or if they are not
        unique, ``graph_names`` are the rows of the molecules, from 0.

    Raises:
        InputError: If the table is damaged, or has another number of molecules.
    """
    raw = find_raw(request)
    if raw is None or not (raw / MAPPING).is_file():
        return {}

    def reader(raw: Path) -> dict[str, Any]:
        with reading(raw / MAPPING), open_text(raw / MAPPING) as file:
            lines = csv.DictReader(file)
            rows, names = list(lines), [*(lines.fieldnames or ())]
        if "smiles" not in names or len(rows) != num_graphs or any(None in (*row, *row.values()) for row in rows):
            raise InputError(f"{MAPPING}: it must have a column `smiles` and one row per graph, {num_graphs} in all")
        ids = [row.get("mol_id", "") for row in rows]
        return {
            "class_names": [name for name in names if name not in ("smiles", "mol_id")],
            "smiles": [row["smiles"] for row in rows],
            "graph_names": ids if len(set(ids)) == num_graphs else [str(row) for row in range(num_graphs)],
        }

    return {name: tuple(values) for name, values in read_cached(request, reader, "mapping").items()}


@dataset(GRAPH_SOURCES, task="multitask-graph-classification", benchmarks=BENCHMARKS)
def ogbg(request: Request) -> GraphDataset:
    """Loads molecules with the published scaffold split.

    The nine atom features and, in ``edge_attr`` ``[E, D]``, the three bond features of the Open Graph Benchmark are
    one-hot over the occurring values. SMILES strings, ids and names of labels are read from ``mapping/mol.csv.gz``, if
    it is there.
    """
    table = read_tables(request, np.int64)
    mapping = read_mapping(request, table["graph-label"].size(0))
    num_edges = table["num-edge-list"].view(-1)
    encoder = MoleculeEncoder.fit(table["node-feat"], table["edge-feat"], "ogb")
    x, edge_attr = encoder.encode(table["node-feat"], table["edge-feat"])
    graphs = GraphCollection(
        _both_directions(table["edge"].t()),
        table["num-node-list"].view(-1),
        2 * num_edges,
        node={"x": x},
        edge={"edge_attr": edge_attr.repeat_interleave(2, dim=0)},
        graph={"y": table["graph-label"]},
    )
    return GraphDataset(
        name=request.name,
        task="multitask-graph-classification",
        graphs=graphs,
        splits=(Split(*(table[subset].view(-1) for subset in SPLIT_PARTS)),),
        num_features=graphs.node["x"].size(1),
        num_outputs=table["graph-label"].size(1),
        metric=BENCHMARKS[request.name].metric,
        citation=f"{CITATION}; published split",
        encoder=encoder,
        **mapping,
    )
