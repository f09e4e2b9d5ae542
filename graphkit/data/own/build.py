"""Checks of a user's graph, and the data set that is made of it."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.own.fields import Fields
from graphkit.data.splits import PARTS, splits_from_masks
from graphkit.errors import InputError
from graphkit.transforms.undirected import Undirected


def build_dataset(path: Path, fields: Fields, directed: bool | None, use_split: bool = True) -> GraphDataset:
    """Makes a data set for node classification from one graph.

    Parallel edges are merged, their weights added. Unless edges are directed, the reverse of each is added. Without
    features, every node gets a one and the logarithm of one plus its in-degree.

    Args:
        path: The file or folder; the data set is called after it.
        fields: Its content.
        directed: Whether edges have a direction; ``None`` for what the file says, which is no where it says nothing.
        use_split: Whether the split in the file counts.

    Raises:
        ValueError: If an edge, a feature, a label or the split is wrong.
    """
    where, num_nodes = fields.where, fields.num_nodes
    if not num_nodes:
        raise InputError(f"{where} has no node; a graph needs at least one node in each part of the split")
    check_edges(fields.edge_index, num_nodes, where)
    if fields.x is not None:
        check_features(fields.x, where, fields.node_names)
    _check_classes(fields)
    edge_index, weight = _merged(fields)
    data = Data(edge_index=edge_index, num_nodes=num_nodes, y=fields.y)
    if weight is not None:
        data.edge_weight = weight
    if not (bool(fields.directed) if directed is None else directed):
        data = Undirected()(data)
    data.x = fields.x if fields.x is not None and fields.x.size(1) else _structural_features(data)
    splits = splits_from_masks(*fields.masks) if fields.masks is not None and use_split else ()
    check_splits(splits, where, "node")
    _check_labelled(splits, fields)
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
    )


def check_edges(edge_index: Tensor, num_nodes: int, where: str) -> None:
    """Refuses edges to nodes that do not exist.

    Raises:
        ValueError: If there is one.
    """
    wrong = ((edge_index < 0) | (edge_index >= num_nodes)).any(dim=0).nonzero().view(-1)
    if wrong.numel():
        source, target = edge_index[:, wrong[0]].tolist()
        raise InputError(
            f"{where}: edge {int(wrong[0])} joins {source} and {target}, but nodes are numbered 0 to {num_nodes - 1}; "
            "correct the edge, or add the node"
        )


def check_features(x: Tensor, where: str, names: Sequence[str] = ()) -> None:
    """Refuses features that are NaN or infinite.

    Raises:
        ValueError: If there is one.
    """
    wrong = (~torch.isfinite(x)).nonzero()
    if wrong.numel():
        node, column = wrong[0].tolist()
        name = f"'{names[node]}'" if names else node
        raise InputError(
            f"{where}: feature {column} of node {name} must be a finite number (got {float(x[node, column])}); "
            f"replace it ({wrong.size(0)} such values in all)"
        )


def check_splits(splits: Sequence[Split], where: str, item: str) -> None:
    """Refuses splits with an empty part or an item in two parts.

    Raises:
        ValueError: If there is one.
    """
    words = {"train": "training", "val": "validation", "test": "test"}
    for split in splits:
        for part in PARTS:
            if not getattr(split, part).numel():
                raise InputError(
                    f"{where}: the split has no {words[part]} {item}; mark some, or draw a split with "
                    "--split 0.6,0.2,0.2"
                )
        both = torch.cat([split.train, split.val, split.test])
        ids, count = torch.unique(both, return_counts=True)
        if int(count.max()) > 1:
            twice = int(ids[count > 1][0])
            raise InputError(f"{where}: {item} {twice} is in two parts of the split; keep one")


def _check_classes(fields: Fields) -> None:
    if fields.y.dim() == 1:
        labelled, classes = int((fields.y >= 0).sum()), len(fields.class_names)
        if not labelled:
            raise InputError(f"{fields.where}: no node has a label; label some")
        if labelled == int(torch.unique(fields.y[fields.y >= 0]).numel()) and labelled >= 10:
            raise InputError(
                f"{fields.where}: each of the {labelled} labelled nodes has a class of its own; is this the column "
                "with the classes? Name another with --set data.label=NAME"
            )
        if classes < 2:
            only = fields.class_names[0]
            raise InputError(f"{fields.where}: all labels are '{only}'; there must be two classes or more")
    elif len(fields.class_names) != fields.y.size(1):
        raise InputError(
            f"{fields.where}: there must be one class name for each of the {fields.y.size(1)} labels "
            f"(got {len(fields.class_names)})"
        )


def _check_labelled(splits: Sequence[Split], fields: Fields) -> None:
    if fields.y.dim() != 1:
        return
    for split in splits:
        for part in PARTS:
            ids = getattr(split, part)
            bare = ids[fields.y[ids] < 0]
            if bare.numel():
                node = int(bare[0])
                name = f"'{fields.node_names[node]}'" if fields.node_names else node
                raise InputError(
                    f"{fields.where}: node {name} is in the {part} part but has no label; label it, or "
                    "take it out of the split"
                )


def _merged(fields: Fields) -> tuple[Tensor, Tensor | None]:
    edge_index, weight, n = fields.edge_index, fields.edge_weight, fields.num_nodes
    if weight is not None:
        if weight.numel() != edge_index.size(1):
            raise InputError(
                f"{fields.where}: `edge_weight` must have one number for each of the "
                f"{edge_index.size(1)} edges (got {weight.numel()})"
            )
        if not bool(torch.isfinite(weight).all()):
            edge = int((~torch.isfinite(weight)).nonzero()[0])
            raise InputError(f"{fields.where}: the weight of edge {edge} must be a finite number; correct it")
    key, place = torch.unique(edge_index[1] * n + edge_index[0], return_inverse=True)
    if weight is not None:
        weight = torch.zeros(key.numel()).index_add_(0, place, weight)
    return torch.stack([key % n, key // n]), weight


def _structural_features(data: Data) -> Tensor:
    degree = torch.bincount(data.edge_index[1], minlength=int(data.num_nodes or 0)).float()
    return torch.stack([torch.ones_like(degree), torch.log1p(degree)], dim=1)
