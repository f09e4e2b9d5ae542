"""Edge indices sorted by target."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.nn.edge_key import edge_key


def pointers(sizes: Tensor) -> Tensor:
    """Returns the offsets of consecutive blocks: ``[0, s0, s0 + s1, ...]``."""
    ptr = sizes.new_zeros(sizes.numel() + 1)
    torch.cumsum(sizes, 0, out=ptr[1:])
    return ptr


def by_target(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns the stable permutation that sorts edges by target, then by source."""
    return torch.argsort(edge_key(edge_index[1], edge_index[0]), stable=True)


def sorted_edge_index(edge_index: Tensor, num_nodes: int) -> EdgeIndex:
    """Marks an edge index as sorted by target, as :class:`EdgeIndex`."""
    plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    return EdgeIndex(plain.contiguous(), sparse_size=(num_nodes, num_nodes), sort_order="col")


def plain_edge_index(edge_index: Tensor | None) -> Tensor:
    """Returns edges as a plain ``[2, E]`` tensor, empty for ``None``."""
    if edge_index is None:
        return torch.empty(2, 0, dtype=torch.long)
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index


def is_symmetric(data: Data) -> bool:
    """Returns whether a graph has the reverse of each edge."""
    source, target = plain_edge_index(data.edge_index)
    count = int(data.num_nodes or 0)
    return torch.equal((source * count + target).sort().values, (target * count + source).sort().values)
