"""TUDataset graph classification sets with ten-fold cross-validation."""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.utils import coalesce, remove_self_loops

from graphkit.data.checks import check_edges
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import read_graphs
from graphkit.data.raw_tables import one_hot, read_table
from graphkit.data.sources import NO_LICENSE
from graphkit.data.splits import stratified_folds
from graphkit.errors import InputError
from graphkit.transforms.degree import Degree

ADDRESS = "https://www.chrsmrrs.com/graphkerneldatasets"
SPELLING = {
    "mutag": "MUTAG",
    "ptc-mr": "PTC_MR",
    "proteins": "PROTEINS",
    "nci1": "NCI1",
    "imdb-binary": "IMDB-BINARY",
    "imdb-multi": "IMDB-MULTI",
    "collab": "COLLAB",
}
DEGREE_WIDTH = {"imdb-binary": 150, "imdb-multi": 150, "collab": 500}  # data sets without node labels
EDGE_LABELED = ("mutag", "ptc-mr")
NUM_BYTES = {"mutag": 95_653, "imdb-binary": 4_674_936, "proteins": 2_281_831}
SOURCES = {
    name: Source(
        "TUDataset",
        f"{spelling}/raw",
        tuple(
            f"{spelling}_{ending}.txt"
            for ending in ("A", "graph_indicator", "graph_labels", *(() if name in DEGREE_WIDTH else ("node_labels",)))
        ),
        f"{ADDRESS}/{spelling}.zip",
        urls=(f"{ADDRESS}/{spelling}.zip",),
        citation="Morris et al., TUDataset, 2020 (chrsmrrs.github.io/datasets)",
        license=NO_LICENSE,
        num_bytes=NUM_BYTES.get(name),
    )
    for name, spelling in SPELLING.items()
}


@dataset(SOURCES, task="graph-classification")
def tu(request: Request, *, attributes: bool = False, edge_labels: bool = False) -> GraphDataset:
    """Loads labeled graphs with ten stratified folds (seed 0) and no validation set.

    Features are one-hot node labels. Data sets without node labels get the one-hot in-degree without self loops: 150
    columns for the IMDB data sets, 500 for COLLAB.

    Args:
        request (Request): Request for the data set.
        attributes (bool, optional): Prepends continuous node attributes, if available. (default: ``False``)
        edge_labels (bool, optional): Reads the labels of edges, such as bond types, as one-hot ``edge_attr`` ``[E,
            D]``. The published protocol does not use them. (default: ``False``)
    """
    if edge_labels and request.name not in EDGE_LABELED:
        raise InputError(
            f"`data.edge_labels` is for {' and '.join(EDGE_LABELED)} (got {request.name}, whose edges have no labels); "
            "leave it out"
        )
    key = ("attributes" if attributes else "labels") + ("-edges" if edge_labels else "")
    graphs = read_graphs(request, lambda raw: _read(raw, SPELLING[request.name], attributes, edge_labels), key)
    if request.name in DEGREE_WIDTH:
        graphs = graphs.map_union(Degree(one_hot=DEGREE_WIDTH[request.name]))
    y = graphs.graph["y"]
    return GraphDataset(
        name=request.name,
        task="graph-classification",
        graphs=graphs,
        splits=stratified_folds(y),
        num_features=graphs.node["x"].size(1),
        num_outputs=int(torch.unique(y).numel()),
        metric="accuracy",
        protocol="fold",
        citation=f"{request.source.citation}; ten stratified folds, seed 0",
    )


def _read(raw: Path, name: str, attributes: bool, edge_labels: bool) -> GraphCollection:
    """Reads graphs without self loops and duplicate edges."""
    path = {table: raw / f"{name}_{table}.txt" for table in ("A", "graph_indicator", "graph_labels")}
    labels = read_table(path["graph_labels"], 1)[:, 0]
    batch = torch.from_numpy(read_table(path["graph_indicator"], 1)[:, 0] - 1)
    if not batch.numel() or int(batch.min()) < 0 or int(batch.max()) >= labels.size or bool((batch.diff() < 0).any()):
        raise InputError(f"{path['graph_indicator'].name}: graphs must be numbered 1 to {labels.size}, in this order")
    edge_index = torch.from_numpy(read_table(path["A"], 2, ",") - 1).t().contiguous()
    check_edges(edge_index, batch.numel(), path["A"].name)
    owner = batch[edge_index[1]]
    if bool((batch[edge_index[0]] != owner).any()):
        raise InputError(f"{path['A'].name}: an edge joins two graphs")
    edge_attr = _edge_labels(raw, name, edge_index.size(1)) if edge_labels else None
    edge_index, edge_attr = remove_self_loops(edge_index, edge_attr)
    edge_index, edge_attr = coalesce(edge_index, edge_attr, batch.numel(), reduce="max", sort_by_row=False)
    num_nodes = torch.bincount(batch, minlength=labels.size)
    first = num_nodes.cumsum(0) - num_nodes
    owner = batch[edge_index[1]]
    features = _features(raw, name, batch.numel(), attributes)
    return GraphCollection(
        edge_index - first[owner],
        num_nodes,
        torch.bincount(owner, minlength=labels.size),
        node={} if features is None else {"x": features},
        edge={} if edge_attr is None else {"edge_attr": edge_attr},
        graph={"y": torch.from_numpy(np.unique(labels, return_inverse=True)[1])},
    )


def _edge_labels(raw: Path, name: str, num_edges: int) -> torch.Tensor:
    """Returns the one-hot labels of the edges."""
    path = raw / f"{name}_edge_labels.txt"
    if not path.is_file():
        raise InputError(f"{path.name} is missing; leave out `data.edge_labels`, or add it")
    labels = read_table(path, 1)[:, 0]
    if labels.size != num_edges:
        raise InputError(f"{path.name}: there must be one line for each of the {num_edges} edges (got {labels.size})")
    return one_hot(labels, path)


def _features(raw: Path, name: str, num_nodes: int, attributes: bool) -> torch.Tensor | None:
    """Returns attributes, if requested, and one-hot labels of the nodes, or ``None``."""
    blocks = []
    path = raw / f"{name}_node_attributes.txt"
    if attributes and path.is_file():
        blocks.append(torch.from_numpy(read_table(path, delimiter=",", dtype=np.float64)).float())
    path = raw / f"{name}_node_labels.txt"
    if path.is_file():
        columns = read_table(path, delimiter=",")
        blocks += [one_hot(column, path) for column in columns.T] or [torch.from_numpy(columns)]
    if any(block.size(0) != num_nodes for block in blocks):
        raise InputError(f"{name}_node_labels.txt: there must be one line for each of the {num_nodes} nodes")
    return torch.cat(blocks, dim=1) if blocks else None
