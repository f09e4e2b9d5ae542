"""Removal of self loops."""

from torch_geometric.data import Data

from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import edge_attributes, plain_edge_index


@register_transform("remove-self-loops")
class RemoveSelfLoops:
    """Removal of self loops and their edge attributes."""

    keeps_features = True

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        edge_index, names = plain_edge_index(data), edge_attributes(data)
        kept = edge_index[0] != edge_index[1]
        for name in names:
            data[name] = data[name][kept]
        data.edge_index = edge_index[:, kept]
        return data

    def __repr__(self) -> str:
        return "RemoveSelfLoops()"
