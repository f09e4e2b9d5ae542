"""Addition of self loops."""

import torch
from torch_geometric.data import Data

from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import edge_attributes, plain_edge_index


@register_transform("self-loops")
class SelfLoops:
    """Self loop on every node without one.

    Edge attributes of new loops are zero, ``edge_weight`` is one. Existing loops are unchanged.

    Example:
        >>> SelfLoops()(Data(edge_index=torch.tensor([[0], [0]]), num_nodes=2)).edge_index.tolist()
        [[0, 1], [0, 1]]
    """

    keeps_features = True

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        edge_index, num_nodes = plain_edge_index(data), int(data.num_nodes or 0)
        names = edge_attributes(data)
        missing = torch.ones(num_nodes, dtype=torch.bool, device=edge_index.device)
        missing[edge_index[0, edge_index[0] == edge_index[1]]] = False
        nodes = missing.nonzero().view(-1)
        for name in names:
            value = data[name]
            fill = value.new_zeros(nodes.numel(), *value.shape[1:])
            data[name] = torch.cat([value, fill + 1 if name == "edge_weight" else fill])
        data.edge_index = torch.cat([edge_index, nodes.expand(2, -1)], dim=1)
        return data

    def __repr__(self) -> str:
        return "SelfLoops()"
