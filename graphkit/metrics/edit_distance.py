"""Graph edit distances between true patterns and factor graphs."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.nn.edge_key import merge_pairs


class EditDistances(NamedTuple):
    """Edit distances between all factor graphs and all true patterns.

    * **distance** ``[B, P, M]`` int64: number of differing entries between pattern ``p`` and factor ``m`` of graph
      ``b``.
    * **size** ``[B, P]`` int64: number of directed edges of the pattern; its distance to an empty graph.
    * **presence** ``[B, P]`` bool: patterns that a graph contains.
    """

    distance: Tensor
    size: Tensor
    presence: Tensor


class SymmetricEdges(NamedTuple):
    """Symmetric edges without self loops, sorted by source and target node."""

    edge_index: Tensor  # [2, K]
    value: Tensor  # [K, M] mean coefficient of the two directions
    mask: Tensor  # [K, P] bool, patterns of each edge
    graph: Tensor  # [K] graph of each edge


def symmetric_edges(coefficients: Tensor, edge_index: Tensor, ptr: Tensor, factor_mask: Tensor) -> SymmetricEdges:
    """Computes :math:`(E_m(j, i) + E_m(i, j)) / 2` as sparse list of both directions.

    Arguments are those of :func:`edit_distances`.
    """
    _check(coefficients, edge_index, ptr, factor_mask)
    if isinstance(edge_index, EdgeIndex):
        edge_index = edge_index.as_tensor()
    keep = edge_index[0] != edge_index[1]
    edges = edge_index[:, keep].long()
    values, mask = coefficients.detach()[keep] / 2, factor_mask[keep].long()
    both = torch.cat([edges, edges.flip(0)], dim=1)
    first, index = merge_pairs(both[0], both[1])
    value = values.new_zeros(first.numel(), values.size(1)).index_add_(0, index, torch.cat([values, values]))
    member = mask.new_zeros(first.numel(), mask.size(1)).index_add_(0, index, torch.cat([mask, mask]))
    graph = torch.bucketize(both[0, first], ptr[1:].long().contiguous(), right=True)
    return SymmetricEdges(both[:, first], value, member > 0, graph)


def edit_distances(
    coefficients: Tensor,
    edge_index: Tensor,
    ptr: Tensor,
    factor_mask: Tensor,
    presence: Tensor | None = None,
) -> EditDistances:
    """Computes the edit distance of every factor graph to every true pattern.

    Coefficients are symmetrized and self loops are removed. For a pattern with :math:`e` directed edges, the :math:`e`
    largest coefficients form a binary matrix. The distance is the number of entries in which this matrix differs from
    the pattern: one missing and one additional undirected edge give 4. Ties are broken by node ids, so that the result
    is deterministic on all devices. The time is proportional to the number of edges of all graphs.

    Args:
        coefficients (Tensor): ``[E, M]``, factor coefficients in (0, 1).
        edge_index (Tensor): ``[2, E]``, edges of the batched graphs.
        ptr (Tensor): ``[B + 1]``, first node of every graph and the number of nodes.
        factor_mask (Tensor): ``[E, P]`` bool, true patterns of each edge.
        presence (Tensor, optional): ``[B, P]`` bool, patterns of each graph. (default: ``None``, patterns with an edge)

    Returns:
        The distances, sizes and presence, see :class:`EditDistances`.

    Raises:
        InputError: If the shapes do not match or a coefficient is not finite.

    Reference:
        `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_, NeurIPS 2020.

    Differences:
        The released code breaks ties arbitrarily and may select pairs of nodes without an edge. Here only edges are
        selected, which differs only for coefficients of exactly zero.
    """
    edges = symmetric_edges(coefficients, edge_index, ptr, factor_mask)
    num_graphs, num_patterns = ptr.numel() - 1, factor_mask.size(1)
    if presence is not None and presence.shape != (num_graphs, num_patterns):
        expected = (num_graphs, num_patterns)
        raise InputError(f"`presence` must be [graphs, patterns] = {expected} (got {tuple(presence.shape)})")
    size = edges.graph.new_zeros(num_graphs, num_patterns).index_add_(0, edges.graph, edges.mask.long())
    rank = _rank(edges.value, edges.graph, num_graphs)
    distance = rank.new_empty(num_graphs, num_patterns, coefficients.size(1))
    for pattern in range(num_patterns):
        chosen = rank < size[edges.graph, pattern].unsqueeze(1)
        shared = (chosen & edges.mask[:, pattern].unsqueeze(1)).long()
        overlap = shared.new_zeros(num_graphs, shared.size(1)).index_add_(0, edges.graph, shared)
        distance[:, pattern] = 2 * (size[:, pattern].unsqueeze(1) - overlap)  # both sides have as many edges
    return EditDistances(distance, size, size > 0 if presence is None else presence.bool())


def _rank(value: Tensor, graph: Tensor, num_graphs: int) -> Tensor:
    """Returns the rank of every edge in its graph by descending value, per factor."""
    order = value.argsort(dim=0, descending=True, stable=True)
    order = order.gather(0, graph[order].argsort(dim=0, stable=True))
    count = torch.bincount(graph, minlength=num_graphs)
    rank = torch.arange(graph.numel(), device=graph.device) - (count.cumsum(0) - count)[graph]
    return torch.empty_like(order).scatter_(0, order, rank.unsqueeze(1).expand_as(order))


def _check(coefficients: Tensor, edge_index: Tensor, ptr: Tensor, factor_mask: Tensor) -> None:
    """Raises an error for arguments whose shapes do not match."""
    num_edges = edge_index.size(1)
    if coefficients.dim() != 2 or coefficients.size(0) != num_edges:
        raise InputError(f"`coefficients` must be [{num_edges}, M], a row per edge (got {tuple(coefficients.shape)})")
    if factor_mask.dim() != 2 or factor_mask.size(0) != num_edges:
        raise InputError(f"`factor_mask` must be [{num_edges}, P], a row per edge (got {tuple(factor_mask.shape)})")
    if ptr.dim() != 1 or ptr.numel() < 2:
        raise InputError(f"`ptr` must hold the first node of every graph and the number of nodes (got {ptr.tolist()})")
    if num_edges and (int(edge_index.min()) < 0 or int(edge_index.max()) >= int(ptr[-1])):
        at = int(edge_index.min()) if int(edge_index.min()) < 0 else int(edge_index.max())
        raise InputError(f"`ptr` must cover every node (got {int(ptr[-1])} nodes and an edge at {at})")
    if not bool(coefficients.isfinite().all()):
        raise InputError("`coefficients` must be finite numbers (got NaN or infinity); did the training diverge?")
