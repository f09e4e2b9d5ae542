"""PPI: protein interactions in 24 human tissues, multi-label."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, remove_self_loops, to_undirected

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import read_parts
from graphkit.data.raw_tables import read_npy, reading
from graphkit.data.sources import NO_LICENSE
from graphkit.errors import InputError

TABLES = ("feats.npy", "graph_id.npy", "graph.json", "labels.npy")
PARTS = {"train": "train", "val": "valid", "test": "test"}
ADDRESS = "https://data.dgl.ai/dataset/ppi.zip"
SOURCE = Source(
    "PPI",
    "raw",
    tuple(f"{name}_{table}" for name in PARTS.values() for table in TABLES),
    ADDRESS,
    urls=(ADDRESS,),
    citation="Hamilton et al., GraphSAGE, NeurIPS 2017",
    license=NO_LICENSE,
)


@dataset({"ppi": SOURCE}, task="multilabel-node-classification")
def ppi(request: Request) -> GraphDataset:
    """Loads 20 training, 2 validation and 2 test graphs with 121 labels per node.

    The metric is micro-F1.
    """
    graphs, split = read_parts(request, _read)
    return GraphDataset(
        name=request.name,
        task="multilabel-node-classification",
        graphs=graphs,
        splits=(split,),
        num_features=graphs.node["x"].size(1),
        num_outputs=graphs.node["y"].size(1),
        metric="micro-f1",
        citation=f"{request.source.citation}; 20, 2 and 2 graphs as published",
    )


def _read(raw: Path, subset: str) -> Iterator[Data]:
    """Reads the graphs of a subset, without self loops."""
    stem = PARTS[subset]
    x, y, owner = (read_npy(raw / f"{stem}_{table}.npy") for table in ("feats", "labels", "graph_id"))
    fits = x.ndim == y.ndim == 2 and owner.ndim == 1 and x.shape[0] == y.shape[0] == owner.size > 0
    if not fits or owner.dtype.kind not in "iu" or bool((owner[1:] < owner[:-1]).any()):
        raise InputError(f"{stem}_graph_id.npy: the nodes of a graph must follow each other, with features and labels")
    edge_index = _links(raw / f"{stem}_graph.json", owner.size)
    _, first = np.unique(owner, return_index=True)
    graph = torch.from_numpy(np.searchsorted(first, np.arange(len(owner)), side="right") - 1)
    edge_index = edge_index[:, graph[edge_index[0]] == graph[edge_index[1]]]
    of_edge = graph[edge_index[1]]
    for number, begin in enumerate(first.tolist()):
        end = first[number + 1] if number + 1 < len(first) else len(owner)
        yield Data(
            x=torch.from_numpy(x[begin:end]).float(),
            edge_index=edge_index[:, of_edge == number] - begin,
            y=torch.from_numpy(y[begin:end]).float(),
        )


def _links(path: Path, num_nodes: int) -> torch.Tensor:
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        pairs = [(link["source"], link["target"]) for link in content["links"]]
        edge_index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()
        check_edges(edge_index, num_nodes, path.name)
        edge_index = remove_self_loops(edge_index)[0]
        directed = content.get("directed", False)
        return (coalesce if directed else to_undirected)(edge_index, num_nodes=num_nodes)
