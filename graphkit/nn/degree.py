"""Degrees and the normalisation by them."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import degree


def in_degree(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns the number of edges that end in each node, self loops included, as ``[N]`` int64."""
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col:
        ptr = edge_index.get_indptr()
        if ptr.numel() == num_nodes + 1:  # shorter if it was never told the number of nodes
            return ptr.diff()
    return degree(edge_index[1], num_nodes, dtype=torch.long)


class Part(NamedTuple):
    """What a part of a graph, such as a batch of its nodes, knows of the whole.

    Args:
        degree: ``[N]``, in-degree in the whole graph of each node of the part.
        num_nodes: Number of nodes of the whole graph.
        seeds: How many nodes, the first ones, the part is about.
    """

    degree: Tensor
    num_nodes: int
    seeds: int

    def scale(self, edge_index: Tensor, like: Tensor) -> Tensor:
        """Returns how many edges of the graph each edge of the part stands for, by target: ``[N]``.

        That is 1 where all edges into a node are there. Where ``k`` of ``d`` were drawn, sums over them have to be
        multiplied by ``d / k`` to be right on average.
        """
        return self.degree.to(like.dtype) / in_degree(edge_index, like.size(0)).clamp(min=1).to(like.dtype)


def source_norm(edge_index: Tensor, like: Tensor, part: Part | None = None) -> Tensor:
    r"""Returns :math:`d_j^{-1/2}` with in-degrees :math:`d_j` of at least 1: ``[N]``, in the type of ``like``."""
    degree = in_degree(edge_index, like.size(0)) if part is None else part.degree
    return degree.clamp(min=1).to(like.dtype).rsqrt()
