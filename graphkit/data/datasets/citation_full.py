"""Full citation graphs, and the co-purchase and co-author graphs of Shchur et al."""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.utils import remove_self_loops, to_undirected

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import csr_entries, dense_from_csr, read_npz
from graphkit.data.single_graph import from_masks
from graphkit.data.sources import REPOSITORY_MIT
from graphkit.errors import InputError

SHCHUR = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz/"
GRAPH2GAUSS = "https://github.com/abojchevski/graph2gauss/raw/master/data/"
CSR = ("data", "indices", "indptr", "shape")


def _source(folder: str, raw: str, base: str, name: str, citation: str) -> Source:
    address = f"{base}{name}"
    return Source(folder, f"{raw}/raw", (name,), address, urls=(address,), citation=citation, license=REPOSITORY_MIT)


BOJCHEVSKI = "Bojchevski and Günnemann, Graph2Gauss, ICLR 2018"
SHCHUR_ET_AL = "Shchur et al., Pitfalls of GNN Evaluation, 2018"


CITATION_FULL = {
    name: _source("CitationFull", stem, GRAPH2GAUSS, f"{stem}.npz", BOJCHEVSKI)
    for name, stem in (("cora-full", "cora"), ("cora-ml", "cora_ml"))
}
AMAZON = {
    name: _source("Amazon", name.capitalize(), SHCHUR, f"amazon_electronics_{name}.npz", SHCHUR_ET_AL)
    for name in ("computers", "photo")
}
COAUTHOR = {
    name: _source("Coauthor", folder, SHCHUR, f"ms_academic_{stem}.npz", SHCHUR_ET_AL)
    for name, folder, stem in (("cs", "CS", "cs"), ("physics", "Physics", "phy"))
}


@dataset(CITATION_FULL, task="node-classification")
def citation_full(request: Request) -> GraphDataset:
    """Loads a full citation graph (Cora or Cora-ML), without a published split."""
    return _load(request)


@dataset(AMAZON, task="node-classification")
def amazon(request: Request) -> GraphDataset:
    """Loads an Amazon co-purchase graph, without a published split."""
    return _load(request)


@dataset(COAUTHOR, task="node-classification")
def coauthor(request: Request) -> GraphDataset:
    """Loads a co-author graph, without a published split."""
    return _load(request)


def _load(request: Request) -> GraphDataset:
    data = read_files(request, lambda raw: _read(raw / request.source.files[0]))
    return from_masks(request.name, data, f"{request.source.citation}; no published split")


def _read(path: Path) -> Data:
    """Reads binarized features, and edges in both directions without self loops."""
    arrays = read_npz(path, *(f"{prefix}_{name}" for prefix in ("attr", "adj") for name in CSR), "labels")
    x = torch.from_numpy(dense_from_csr(path, *arrays[:4]))
    x[x > 0] = 1
    row, column, shape = csr_entries(path, *arrays[5:8])
    y = arrays[8]
    if shape != (x.size(0), x.size(0)) or y.shape != (x.size(0),):
        raise InputError(f"{path.name}: features, edges and labels must have the same number of nodes")
    edge_index, _ = remove_self_loops(torch.from_numpy(np.stack([row, column])))
    return Data(x=x, edge_index=to_undirected(edge_index, num_nodes=x.size(0)), y=torch.from_numpy(y.astype(np.int64)))
