"""Return probabilities of random walks as structural node features."""

import numpy as np
import scipy
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.edge_key import merge_pairs
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import append_columns, column_type, plain_edge_index

DENSE_LIMIT = 64  # graphs up to this size are batched as dense matrices
COLUMNS = 256  # start nodes per block of a larger graph
BLOCK_FLOATS = 16_000_000  # memory of one dense block, in floats


@register_transform("return-probabilities")
class ReturnProbabilities:
    r"""Return probabilities of random walks after :math:`2, \ldots, k + 1` steps.

    .. math:: p_t(i) = (P^t)_{ii}, \qquad P_{ij} = A_{ij} / \textstyle\sum_j A_{ij}

    The columns are appended to the node features. Self loops and parallel edges are ignored in :math:`A`, so that the
    result does not depend on ``self-loops`` and the probability after one step, which is zero, is omitted. A node
    without an edge gets zeros.

    Args:
        k (int, optional): Number of columns. (default: ``7``)
    """

    def __init__(self, k: int = 7) -> None:
        if not isinstance(k, int) or k < 1:
            raise InputError(f"`k` must be a positive whole number (got {k!r})")
        self.k = k

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        edge_index, num_nodes = plain_edge_index(data).long(), int(data.num_nodes or 0)
        edge_index = edge_index[:, edge_index[0] != edge_index[1]]
        # Sorted by source, so that the edges of a graph are contiguous, as its nodes are.
        edge_index = edge_index[:, merge_pairs(edge_index[0], edge_index[1])[0]]
        weight = 1 / torch.bincount(edge_index[0], minlength=num_nodes).to(column_type(data))[edge_index[0]]
        batch = data.batch if "batch" in data else torch.zeros(num_nodes, dtype=torch.long)
        sizes = torch.bincount(batch)
        counts = torch.bincount(batch[edge_index[0]], minlength=sizes.numel())
        first, first_edge = sizes.cumsum(0) - sizes, counts.cumsum(0) - counts
        result = torch.zeros(num_nodes, self.k, dtype=weight.dtype)
        for graphs in _groups(sizes):
            nodes, edges = _ranges(first[graphs], sizes[graphs]), _ranges(first_edge[graphs], counts[graphs])
            graph = torch.repeat_interleave(torch.arange(graphs.numel()), counts[graphs])
            row, column = edge_index[:, edges] - first[graphs][graph]
            size = int(sizes[graphs].max())
            if size <= DENSE_LIMIT:
                result[nodes] = _dense(graph, row, column, weight[edges], sizes[graphs], size, self.k)
            else:
                result[nodes] = _by_columns(row, column, weight[edges], size, self.k)
        return append_columns(data, result, "return-probabilities")

    def __repr__(self) -> str:
        return f"ReturnProbabilities({self.k})"


def _groups(sizes: Tensor) -> list[Tensor]:
    """Groups graphs of similar size into dense blocks."""
    order = sizes.argsort(stable=True)
    order = order[sizes[order] > 0]
    groups, start = [], 0
    ordered = sizes[order].tolist()
    for end in range(1, len(ordered) + 1):
        full = end == len(ordered) or ordered[end] > DENSE_LIMIT or ordered[end] > 2 * ordered[start] + 8
        if full or (end + 1 - start) * ordered[end] ** 2 > BLOCK_FLOATS:
            groups.append(order[start:end])
            start = end
    return groups


def _ranges(start: Tensor, count: Tensor) -> Tensor:
    """Concatenates the ranges ``start[g]``, ..., ``start[g] + count[g] - 1``."""
    shift = start - (count.cumsum(0) - count)
    return torch.repeat_interleave(shift, count) + torch.arange(int(count.sum()))


def _dense(graph: Tensor, row: Tensor, column: Tensor, weight: Tensor, sizes: Tensor, size: int, k: int) -> Tensor:
    """Returns the probabilities of several small graphs by batched matrix products."""
    step = torch.zeros(sizes.numel(), size, size, dtype=weight.dtype)
    step[graph, row, column] = weight
    walk, columns = step, []
    for _ in range(k):
        walk = walk @ step
        columns.append(walk.diagonal(dim1=1, dim2=2))
    present = torch.arange(size) < sizes.unsqueeze(1)
    return torch.stack(columns, dim=-1)[present]


def _by_columns(row: Tensor, column: Tensor, weight: Tensor, size: int, k: int) -> Tensor:
    """Returns the probabilities of a large graph, in blocks of start nodes."""
    step = scipy.sparse.csr_array((weight.numpy(), (column.numpy(), row.numpy())), shape=(size, size))
    result = np.empty((size, k), dtype=step.dtype)
    for start in range(0, size, COLUMNS):
        ids = np.arange(start, min(start + COLUMNS, size))
        here = np.arange(ids.size)
        walk = np.zeros((size, ids.size), dtype=step.dtype)
        walk[ids, here] = 1
        walk = step @ walk
        for t in range(k):
            walk = step @ walk
            result[ids, t] = walk[ids, here]
    return torch.from_numpy(result)
