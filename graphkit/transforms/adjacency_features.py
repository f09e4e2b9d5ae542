"""Adjacency rows as node features."""

import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform


@register_transform("adjacency-features")
class AdjacencyFeatures:
    """Replacement of the node features by the rows of the adjacency matrix.

    The features ``[N, N]`` are 1 for the node itself and the sources of its in-edges, and 0 otherwise. The transform
    applies to a single graph; ``sparse-features`` stores the result as a sparse matrix.

    Example:
        >>> AdjacencyFeatures()(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2)).x.tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        if "batch" in data:
            raise InputError("the transform 'adjacency-features' is for one graph; leave it out for sets of graphs")
        data.x = torch.eye(int(data.num_nodes or 0))
        data.x[data.edge_index[1], data.edge_index[0]] = 1.0
        return data

    def __repr__(self) -> str:
        return "AdjacencyFeatures()"
