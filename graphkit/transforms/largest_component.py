"""Largest connected component of every graph."""

import numpy as np
import scipy
import torch
from torch_geometric.data import Data

from graphkit.nn.attribute_level import attribute_level
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import edge_attributes, plain_edge_index


@register_transform("largest-component")
class LargestComponent:
    """Restriction of every graph to its largest weakly connected component.

    In a disjoint union, the component is selected per graph. Of equally large components, the one with the smallest
    node id is selected. Splits and node names are adapted when a data set is loaded.
    """

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        num_nodes, edge_index = int(data.num_nodes or 0), plain_edge_index(data)
        batch = data.batch if "batch" in data else torch.zeros(num_nodes, dtype=torch.long)
        source, target = edge_index.int().numpy()  # SciPy 1.11 needs 32-bit indices here
        ones = np.ones(source.size, dtype=np.int8)
        adjacency = scipy.sparse.coo_array((ones, (source, target)), shape=(num_nodes, num_nodes))
        label = torch.from_numpy(scipy.sparse.csgraph.connected_components(adjacency, directed=False)[1]).long()
        size = torch.bincount(label)
        # Rank of each node: larger for larger components, and for earlier ones among equals.
        rank = (size * (size.numel() + 1) - torch.arange(size.numel()))[label]
        best = torch.full((int(batch.max()) + 1 if num_nodes else 0,), -1).scatter_reduce(0, batch, rank, "amax")
        kept = rank == best[batch]
        return _subgraph(data, kept, edge_index)

    def __repr__(self) -> str:
        return "LargestComponent()"


def _subgraph(data: Data, kept: torch.Tensor, edge_index: torch.Tensor) -> Data:
    per_edge = edge_attributes(data)
    per_node = [name for name in data.to_dict() if attribute_level(data, name) == "node"]
    inside = kept[edge_index[0]] & kept[edge_index[1]]
    new_id = kept.long().cumsum(0) - 1
    for name in per_edge:
        data[name] = data[name][inside]
    for name in per_node:
        data[name] = data[name][kept]
    data.edge_index = new_id[edge_index[:, inside]]
    data.num_nodes = int(kept.sum())
    return data
