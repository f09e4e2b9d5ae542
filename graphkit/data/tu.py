"""Graph classification sets of the TU Dortmund collection, under ten-fold cross-validation."""

import torch
from torch_geometric.datasets import TUDataset

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset
from graphkit.data.splits import stratified_folds
from graphkit.transforms.degree import Degree

SPELLING = {
    "mutag": "MUTAG",
    "ptc-mr": "PTC_MR",
    "proteins": "PROTEINS",
    "nci1": "NCI1",
    "imdb-binary": "IMDB-BINARY",
    "imdb-multi": "IMDB-MULTI",
    "collab": "COLLAB",
}
DEGREE_WIDTH = {"imdb-binary": 150, "imdb-multi": 150, "collab": 500}  # sets without node features
SOURCES = {
    name: Source(
        "TUDataset",
        f"{spelling}/raw",
        tuple(
            f"{spelling}_{part}.txt"
            for part in ("A", "graph_indicator", "graph_labels", *(() if name in DEGREE_WIDTH else ("node_labels",)))
        ),
        f"https://www.chrsmrrs.com/graphkerneldatasets/{spelling}.zip",
    )
    for name, spelling in SPELLING.items()
}


@dataset(SOURCES, task="graph-classification")
def tu(request: Request, *, attributes: bool = False) -> GraphDataset:
    """Reads a set of labelled graphs; ten stratified folds shuffled with seed 0, no validation set.

    Features are the one-hot node labels. Sets without node labels get the one-hot in-degree, counted without self
    loops: 150 columns for the IMDB sets, 500 for COLLAB.

    Args:
        request: The data set that is asked for.
        attributes: Whether the continuous node attributes, where a set has them, stand before the node labels.
    """
    spelling = SPELLING[request.name]
    graphs = read_raw(
        request, lambda root: GraphCollection.from_list(TUDataset(root, spelling, use_node_attr=attributes))
    )
    if request.name in DEGREE_WIDTH:
        graphs = graphs.map_union(Degree(one_hot=DEGREE_WIDTH[request.name]))
    graphs.edge.clear()  # the protocol uses no bond types
    y = graphs.graph["y"] = graphs.graph["y"].view(-1).long()
    return GraphDataset(
        name=request.name,
        task="graph-classification",
        graphs=graphs,
        splits=stratified_folds(y),
        num_features=graphs.node["x"].size(1),
        num_outputs=int(torch.unique(y).numel()),
        metric="accuracy",
        protocol="fold",
        citation="Morris et al., TUDataset, 2020 (chrsmrrs.github.io/datasets); ten stratified folds, seed 0",
    )
