"""Cache key of a graph, for layers that cache results computed from its edges."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex


class SameGraph:
    """Cache key of a graph that compares edges by value.

    Comparison by value detects changes in place and other tensors at the same address, in one pass over the edges.

    Args:
        edge_index (Tensor): Edges ``[2, E]``.
        edge_weight (Tensor): Edge weights, or ``None``.
        num_nodes (int): Number of nodes.
    """

    def __init__(self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int) -> None:
        self._edge_index = _plain(edge_index).clone()
        self._edge_weight = None if edge_weight is None else edge_weight.detach().clone()
        self._num_nodes = num_nodes

    def __call__(self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int) -> bool:
        """Returns whether a graph has the same edges, weights and number of nodes."""
        return (
            num_nodes == self._num_nodes
            and _equal(_plain(edge_index), self._edge_index)
            and _equal(edge_weight, self._edge_weight)
        )


def _plain(edge_index: Tensor) -> Tensor:
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.device == other.device and one.dtype == other.dtype and torch.equal(one, other)
