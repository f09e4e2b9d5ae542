"""Validation of a user's graph and its conversion to a data set."""

from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.checks import check_edges, check_features, check_labeled, check_splits, check_weights
from graphkit.data.dataset import GraphDataset
from graphkit.data.labels import labeled_items
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import Fields, unused_note
from graphkit.errors import InputError
from graphkit.transforms.undirected import Undirected


def build_dataset(path: Path, fields: Fields, directed: bool | None, use_split: bool = True) -> GraphDataset:
    """Creates a node classification data set from one graph.

    Parallel edges are merged by summing their weights. Reverse edges are added unless the graph is directed. Without
    features, every node gets a one and the logarithm of one plus its in-degree.

    Args:
        path (Path): The file or folder, which names the data set.
        fields (Fields): Content of the file.
        directed (bool, optional): Direction of edges; ``None`` for that of the file, or undirected.
        use_split (bool, optional): Reads the split of the file. (default: ``True``)

    Raises:
        InputError: If an edge, a feature, a label or the split is invalid.
    """
    where, num_nodes = fields.where, fields.num_nodes
    if not num_nodes:
        raise InputError(f"{where} has no node; a graph needs at least one node in each part of the split")
    check_edges(fields.edge_index, num_nodes, where, own=True)
    check_features(fields.x, where=where, names=fields.node_names, own=True)
    _check_classes(fields)
    edge_index, weight = _merged(fields)
    data = Data(edge_index=edge_index, num_nodes=num_nodes, y=fields.y)
    if weight is not None:
        data.edge_weight = weight
    if not (bool(fields.directed) if directed is None else directed):
        data = Undirected()(data)
    data.x = fields.x if fields.x is not None and fields.x.size(1) else _structural_features(data)
    splits = splits_from_masks(*fields.masks) if fields.masks is not None and use_split else ()
    check_splits(splits, num_nodes, where=where, item="node", own=True)
    check_labeled(splits, fields.y, where, "node", fields.node_names)
    single = fields.y.dim() == 1
    return GraphDataset(
        name=path.stem,
        task="node-classification" if single else "multilabel-node-classification",
        graphs=(data,),
        splits=splits,
        num_features=data.x.size(1),
        num_outputs=len(fields.class_names),
        metric="accuracy" if single else "micro-f1",
        class_names=fields.class_names,
        node_names=fields.node_names,
        citation=f"read from {path.resolve()}",
        notes=unused_note(where, fields.unused),
    )


def _check_classes(fields: Fields) -> None:
    labeled, classes = int(labeled_items(fields.y).sum()), len(fields.class_names)
    if not labeled:
        raise InputError(f"{fields.where}: no node has a label; label some")
    if fields.y.dim() == 1:
        if labeled == int(torch.unique(fields.y[fields.y >= 0]).numel()) and labeled >= 10:
            raise InputError(
                f"{fields.where}: each of the {labeled} labeled nodes has a different class; is this the column "
                "with the classes? Name another with --set data.label=NAME"
            )
        if classes < 2:
            only = shown(fields.class_names[0])
            raise InputError(f"{fields.where}: all labels are '{only}'; there must be two classes or more")


def _merged(fields: Fields) -> tuple[Tensor, Tensor | None]:
    edge_index, weight, n = fields.edge_index, fields.edge_weight, fields.num_nodes
    if weight is not None:
        if weight.numel() != edge_index.size(1):
            raise InputError(
                f"{fields.where}: `edge_weight` must have one number for each of the "
                f"{edge_index.size(1)} edges (got {weight.numel()})"
            )
        check_weights(weight, fields.where)
    key, inverse = torch.unique(edge_index[1] * n + edge_index[0], return_inverse=True)
    if weight is not None:
        weight = torch.zeros(key.numel()).index_add_(0, inverse, weight)
        if not bool(weight.isfinite().all()):
            raise InputError(f"{fields.where}: the weights of parallel edges must have a finite sum; scale them down")
    return torch.stack([key % n, key // n]), weight


def _structural_features(data: Data) -> Tensor:
    degree = torch.bincount(data.edge_index[1], minlength=int(data.num_nodes or 0)).float()
    return torch.stack([torch.ones_like(degree), torch.log1p(degree)], dim=1)
