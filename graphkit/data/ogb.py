"""Data sets of the Open Graph Benchmark, read from their raw files without the ``ogb`` package.

That package asks for updates over the network when it is imported, prompts before it downloads, and reads its own
files with an unrestricted ``torch.load``. The raw files are plain tables, so a table reader is all that it takes.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.download import fetch_zip
from graphkit.data.molecules import one_hot_columns
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

ADDRESS = "http://snap.stanford.edu/ogb/data"
CITATION = "Hu et al., Open Graph Benchmark, NeurIPS 2020; published split"
GRAPH_TABLES = ("edge", "num-node-list", "num-edge-list", "node-feat")
SPLIT_PARTS = ("train", "valid", "test")


def _source(folder: str, tables: tuple[str, ...], split: str, address: str) -> Source:
    raw = tuple(f"raw/{table}.csv.gz" for table in (*GRAPH_TABLES, *tables))
    ids = tuple(f"split/{split}/{part}.csv.gz" for part in SPLIT_PARTS)
    return Source("", folder, raw + ids, f"{ADDRESS}/{address}")


NODE_SOURCES = {
    "ogbn-arxiv": _source("ogbn_arxiv", ("node-label",), "time", "nodeproppred/arxiv.zip"),
    "ogbn-products": _source("ogbn_products", ("node-label",), "sales_ranking", "nodeproppred/products.zip"),
}
GRAPH_SOURCES = {
    "ogbg-molhiv": _source(
        "ogbg_molhiv", ("edge-feat", "graph-label"), "scaffold", "graphproppred/csv_mol_download/hiv.zip"
    )
}


def read_table(path: Path, dtype: type = np.int64) -> Tensor:
    """Reads a gzipped table of numbers without a header: ``[rows, columns]``."""
    with gzip.open(path, "rt") as file:
        return torch.from_numpy(np.loadtxt(file, dtype=dtype, delimiter=",", ndmin=2))


def read_labels(path: Path) -> Tensor:
    """Reads a gzipped table of labels, in which an empty cell, or line, is a label that is missing."""
    with gzip.open(path, "rt") as file:
        rows = [[float(cell or "nan") for cell in line.strip().split(",")] for line in file]
    return torch.tensor(rows, dtype=torch.float)


def read_tables(request: Request, features: type) -> dict[str, Tensor]:
    """Reads all tables of a data set, from the cache where they have been read before.

    Args:
        request: The data set that is asked for.
        features: Type of the node features; labels are floats and everything else whole numbers.
    """

    def reader(root: str) -> dict[str, Tensor]:
        folder, processed = Path(root, request.source.raw), Path(root, "tables.pt")
        if processed.is_file():
            return torch.load(processed, weights_only=True)
        if not all((folder / name).is_file() for name in request.source.files):
            fetch_zip(request.source.address, folder)
        tables = {}
        for name in request.source.files:
            key = Path(name).name.removesuffix(".csv.gz")
            if key.endswith("-label"):
                tables[key] = read_labels(folder / name)
            else:
                tables[key] = read_table(folder / name, features if key == "node-feat" else np.int64)
        torch.save(tables, processed)
        return tables

    return read_raw(request, reader)


def _both_directions(edge_index: Tensor) -> Tensor:
    """Puts the reverse behind each edge, as the benchmark does for graphs whose raw files list an edge once."""
    return torch.stack([edge_index, edge_index.flip(0)], dim=2).flatten(1)


@dataset(NODE_SOURCES, task="node-classification")
def ogbn(request: Request) -> GraphDataset:
    """Reads one large graph with the published split; citations of arxiv keep their direction.

    The transform ``undirected`` adds the reverse of every citation.
    """
    table = read_tables(request, np.float32)
    edge_index = table["edge"].t().contiguous()
    if request.name == "ogbn-products":
        edge_index = _both_directions(edge_index)
    y = table["node-label"].view(-1).long()
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=(Data(x=table["node-feat"], edge_index=edge_index, y=y),),
        splits=(Split(*(table[part].view(-1) for part in SPLIT_PARTS)),),
        num_features=table["node-feat"].size(1),
        num_outputs=int(y.max()) + 1,
        metric="accuracy",
        citation=CITATION,
    )


@dataset(GRAPH_SOURCES, task="multitask-graph-classification")
def ogbg(request: Request) -> GraphDataset:
    """Reads molecules with the published scaffold split; atom features are one-hot over the values that occur."""
    table = read_tables(request, np.int64)
    num_edges = table["num-edge-list"].view(-1)
    graphs = GraphCollection(
        _both_directions(table["edge"].t()),
        table["num-node-list"].view(-1),
        2 * num_edges,
        node={"x": one_hot_columns(table["node-feat"])},
        edge={"edge_attr": table["edge-feat"].repeat_interleave(2, dim=0)},
        graph={"y": table["graph-label"]},
    )
    return GraphDataset(
        name=request.name,
        task="multitask-graph-classification",
        graphs=graphs,
        splits=(Split(*(table[part].view(-1) for part in SPLIT_PARTS)),),
        num_features=graphs.node["x"].size(1),
        num_outputs=table["graph-label"].size(1),
        metric="roc-auc",
        citation=CITATION,
    )
