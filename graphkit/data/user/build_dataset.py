"""Validation of a user's graph and its conversion to a data set."""

from pathlib import Path
from typing import Any

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

    Parallel edges are merged: weights are summed, attributes averaged. Reverse edges are added unless the graph is
    directed.

    Args:
        path (Path): The file or folder, which names the data set.
        fields (Fields): Content of the file.
        directed (bool, optional): Direction of edges; ``None`` for that of the file, or undirected.
        use_split (bool): Reads the split of the file.
        features (FeatureOptions): Options of the features.

    Raises:
        InputError: If an edge, a feature, a label or the split is invalid.
    """
    where, num_nodes, targets = fields.where, fields.num_nodes, fields.targets
    data = _edges(fields, directed)
    x, encoder, notes = encode_features(fields.x, fields.columns, where, features, fields.node_names)
    data.y = targets.y
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


def attributes_of(fields: Fields, directed: bool | None) -> dict[str, Any]:
    """Returns a graph in the form of one of several.

    See :func:`graphkit.data.user.graphs.dataset_of_graphs`. Edges are processed as those of a single graph.

    Args:
        fields (Fields): Content of a file, read without targets.
        directed (bool, optional): Direction of edges; ``None`` for that of the file, or undirected.

    Raises:
        InputError: If an edge is invalid.
    """
    data, columns = _edges(fields, directed), fields.columns
    names = fields.node_names or tuple(map(str, range(fields.num_nodes)))
    graph = {**fields.graph, "edge_index": data.edge_index, "x": fields.x}
    graph |= {name: data.get(name) for name in ("edge_weight", "edge_attr")}
    if columns is None:
        return {**graph, "num_nodes": fields.num_nodes}
    cells = {name: list(cells) for name, cells in zip(columns.names, columns.cells, strict=True)}
    return {**graph, "node_attributes": cells, "node_names": list(names)}


def _edges(fields: Fields, directed: bool | None) -> Data:
    """Returns merged edges, in both directions unless the graph is directed.

    Raises:
        InputError: If there is no node, or an edge is invalid.
    """
    if not fields.num_nodes:
        raise InputError(f"{fields.where} has no node; a graph needs at least one node")
    check_edges(fields.edge_index, fields.num_nodes, fields.where, own=True)
    edge_index, weight, attributes = _merged(fields)
    data = Data(edge_index=edge_index, num_nodes=fields.num_nodes)
    if weight is not None:
        data.edge_weight = weight
    if attributes is not None:
        data.edge_attr = attributes
    return data if (bool(fields.directed) if directed is None else directed) else Undirected()(data)


def _merged(fields: Fields) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Returns edges, summed weights and averaged attributes of parallel edges."""
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
    attributes = fields.edge_attr
    if attributes is not None:
        sums = torch.zeros(key.numel(), attributes.size(1), dtype=torch.double)
        counts = torch.bincount(inverse, minlength=key.numel())
        attributes = (sums.index_add_(0, inverse, attributes.double()) / counts[:, None]).float()
    return torch.stack([key % n, key // n]), weight, attributes
