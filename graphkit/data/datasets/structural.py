"""Graphs without node features: airports, an e-mail network, and the karate club."""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.datasets import KarateClub
from torch_geometric.utils import coalesce, to_undirected

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import check_dense, read_table
from graphkit.data.single_graph import from_masks
from graphkit.data.sources import NO_LICENSE, REPOSITORY_MIT
from graphkit.errors import InputError

SNAP = "https://snap.stanford.edu/data"
STRUC2VEC = "https://github.com/leoribeiro/struc2vec/raw/master/graph"


def _airports(name: str) -> Source:
    names = f"{name}-airports.edgelist", f"labels-{name}-airports.txt"
    return Source(
        "Airports",
        f"{name}/raw",
        names,
        STRUC2VEC,
        urls=tuple(f"{STRUC2VEC}/{file}" for file in names),
        citation="Ribeiro et al., struc2vec, KDD 2017",
        license=REPOSITORY_MIT,
        num_bytes={"usa": 172_719, "europe": 42_302}.get(name),
    )


AIRPORTS = {f"airports-{name}": _airports(name) for name in ("usa", "europe", "brazil")}
EMAIL_FILES = "email-Eu-core.txt", "email-Eu-core-department-labels.txt"
EMAIL = Source(
    "EmailEUCore",
    "raw",
    EMAIL_FILES,
    f"{SNAP}/email-Eu-core.txt.gz",
    urls=tuple(f"{SNAP}/{name}.gz" for name in EMAIL_FILES),
    citation="Leskovec et al., SNAP, email-Eu-core",
    license=NO_LICENSE,
    num_bytes=225_807,
)
KARATE = Source(
    address="comes with PyTorch Geometric",
    citation="Zachary, 1977; communities of Kipf and Welling, ICLR 2017",
    license=NO_LICENSE,
)


@dataset(AIRPORTS, task="node-classification")
def airports(request: Request) -> GraphDataset:
    """Loads flights between airports in four classes of activity.

    Features are one-hot node ids. Edges are undirected, as in struc2vec. Node names are the airport ids of the files.
    """
    data, names = read_files(request, lambda raw: _read_airports(*(raw / name for name in request.source.files)))
    dataset = from_masks(request.name, data, f"{request.source.citation}; no published split")
    return dataset.replace(node_names=names)


def _read_airports(edges: Path, labels: Path) -> tuple[Data, tuple[str, ...]]:
    ids, y = read_table(labels, 2, header=1).T
    ends = read_table(edges, 2)
    order = np.argsort(ids, kind="stable")
    if np.unique(ids).size != ids.size:
        raise InputError(f"{labels.name}: each airport must have one label")
    unknown = ends[~np.isin(ends, ids)]
    if unknown.size:
        raise InputError(f"{edges.name}: the airport {unknown[0]} has no label in {labels.name}")
    edge_index = torch.from_numpy(order[np.searchsorted(ids[order], ends)]).t().contiguous()
    edge_index = to_undirected(edge_index, num_nodes=ids.size)
    return Data(x=_identity(ids.size, labels), edge_index=edge_index, y=torch.from_numpy(y)), tuple(map(str, ids))


@dataset({"email-eu-core": EMAIL}, task="node-classification")
def email_eu_core(request: Request) -> GraphDataset:
    """Loads the directed e-mail network of 42 departments, with one-hot node ids."""
    data = read_files(request, lambda raw: _read_email(*(raw / name for name in EMAIL_FILES)))
    return from_masks(request.name, data, f"{request.source.citation}; no published split")


def _read_email(edges: Path, labels: Path) -> Data:
    table = read_table(labels, 2)
    ids, y = table[np.argsort(table[:, 0])].T
    if not np.array_equal(ids, np.arange(ids.size)):
        raise InputError(f"{labels.name}: members must be numbered from 0, once each")
    edge_index = torch.from_numpy(read_table(edges, 2)).t().contiguous()
    check_edges(edge_index, ids.size, edges.name)
    edge_index = coalesce(edge_index, num_nodes=ids.size)
    return Data(x=_identity(ids.size, labels), edge_index=edge_index, y=torch.from_numpy(y.copy()))


def _identity(size: int, path: Path) -> torch.Tensor:
    check_dense(path, size, size)
    return torch.eye(size)


@dataset({"karate": KARATE}, task="node-classification")
def karate(request: Request) -> GraphDataset:
    """Loads the karate club: 34 nodes in four communities, with one-hot node ids."""
    return from_masks(request.name, KarateClub()[0], request.source.citation)
