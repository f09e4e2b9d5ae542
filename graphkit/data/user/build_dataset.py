"""Validation of a user's graph and its conversion to a data set."""

from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.checks import check_edges, check_labeled, check_splits, check_weights
from graphkit.data.dataset import GraphDataset
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.encoder import FeatureOptions, encode_features, structural_features
from graphkit.data.user.fields import Fields, unused_note
from graphkit.errors import InputError
from graphkit.transforms.undirected import Undirected


def build_dataset(
    path: Path, fields: Fields, directed: bool | None, use_split: bool, features: FeatureOptions
) -> GraphDataset:
    """Creates a data set of labeled nodes from one graph.

    Parallel edges are merged by summing their weights. Reverse edges are added unless the graph is directed.

    Args:
        path (Path): The file or folder, which names the data set.
        fields (Fields): Content of the file.
        directed (bool, optional): Direction of edges; ``None`` for that of the file, or undirected.
        use_split (bool): Reads the split of the file.
        features (FeatureOptions): Options of the features.

    Raises:
        InputError: If an edge, a feature, a label or the split is invalid.
    """
    where, num_nodes = fields.where, fields.num_nodes
    if not num_nodes:
        raise InputError(f"{where} has no node; a graph needs at least one node in each part of the split")
    check_edges(fields.edge_index, num_nodes, where, own=True)
    x, encoder, notes = encode_features(fields.x, fields.columns, where, features, fields.node_names)
    edge_index, weight = _merged(fields)
    targets = fields.targets
    data = Data(edge_index=edge_index, num_nodes=num_nodes, y=targets.y)
    if weight is not None:
        data.edge_weight = weight
    if not (bool(fields.directed) if directed is None else directed):
        data = Undirected()(data)
    data.x = structural_features(data.edge_index, num_nodes) if x is None else x
    splits = splits_from_masks(*fields.masks) if fields.masks is not None and use_split else ()
    check_splits(splits, num_nodes, where=where, item="node", own=True)
    check_labeled(splits, targets.y, where, "node", fields.node_names)
    return GraphDataset(
        name=path.stem,
        task=targets.task,
        graphs=(data,),
        splits=splits,
        num_features=data.x.size(1),
        num_outputs=len(targets.names),
        metric=targets.metric,
        class_names=targets.names,
        node_names=fields.node_names,
        citation=f"read from {path.resolve()}",
        notes=(*fields.notes, *unused_note(where, fields.unused), *notes, *targets.notes),
        encoder=encoder,
    )


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
