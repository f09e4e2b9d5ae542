"""Degrees and the normalisation by them."""

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


def source_norm(edge_index: Tensor, like: Tensor) -> Tensor:
    r"""Returns :math:`d_j^{-1/2}` with in-degrees :math:`d_j` of at least 1: ``[N]``, in the type of ``like``."""
    return in_degree(edge_index, like.size(0)).clamp(min=1).to(like.dtype).rsqrt()
