"""Features for graphs whose nodes have none: whom a node is linked to."""

import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform


@register_transform("adjacency-features")
class AdjacencyFeatures:
    """Puts the rows of the adjacency matrix, with ones on its diagonal, in the place of ``x``: ``[N, N]`` of 0 and 1.

    A row marks the node itself and the sources of its edges. For one graph; follow it with ``sparse-features`` where
    the model takes these.
    """

    def __call__(self, data: Data) -> Data:
        if "batch" in data:
            raise InputError("the transform 'adjacency-features' is for one graph; leave it out for sets of graphs")
        data.x = torch.eye(int(data.num_nodes or 0))
        data.x[data.edge_index[1], data.edge_index[0]] = 1.0
        return data

    def __repr__(self) -> str:
        return "AdjacencyFeatures()"
