"""Conversion to an undirected graph."""

import torch
from torch_geometric.data import Data

from graphkit.nn.edge_key import merge_pairs
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import edge_attributes, plain_edge_index


@register_transform("undirected")
class Undirected:
    """Undirected graph: every edge in both directions, without parallel edges.

    Existing edges keep their attributes (those of the first of parallel edges). An added edge has the attributes of the
    edge that it reverses.

    Example:
        >>> Undirected()(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2)).edge_index.tolist()
        [[1, 0], [0, 1]]
    """

    keeps_features = True

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        edge_index, names = plain_edge_index(data), edge_attributes(data)
        num_edges = edge_index.size(1)
        both = torch.cat([edge_index, edge_index.flip(0)], dim=1)
        kept, _ = merge_pairs(both[1], both[0])  # the originals come first among equals
        for name in names:
            data[name] = data[name][kept % max(num_edges, 1)]
        data.edge_index = both[:, kept]
        return data

    def __repr__(self) -> str:
        return "Undirected()"
