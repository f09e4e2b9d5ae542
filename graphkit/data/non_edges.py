"""Uniform and hard samples of pairs of nodes without an edge."""

import numpy as np
import scipy
import torch
from torch import Tensor

from graphkit.errors import InputError


def pair_keys(pairs: Tensor, num_nodes: int, directed: bool) -> Tensor:
    """Returns a unique number of each pair; of unordered pairs unless ``directed``.

    Args:
        pairs (Tensor): ``[2, P]``, pairs of nodes.
        num_nodes (int): Number of nodes.
        directed (bool): Distinguishes the two directions of a pair.
    """
    first, second = (pairs[0], pairs[1]) if directed else (pairs.amin(dim=0), pairs.amax(dim=0))
    return first.long() * num_nodes + second.long()


def pairs_of(keys: Tensor, num_nodes: int) -> Tensor:
    """Returns the pairs ``[2, P]`` of some :func:`pair_keys`."""
    return torch.stack([keys // num_nodes, keys % num_nodes])


class NonEdges:
    """Pairs of nodes without an edge, for uniform sampling without rejection.

    Args:
        pairs (Tensor): ``[2, P]``, pairs with an edge.
        num_nodes (int): Number of nodes.
        directed (bool): Distinguishes the two directions of a pair.

    Raises:
        InputError: If every pair has an edge.

    Example:
        >>> import torch
        >>> NonEdges(torch.tensor([[0, 1], [1, 2]]), 3, directed=False).sample(2, torch.Generator())
        tensor([[0, 0],
                [2, 2]])
    """

    def __init__(self, pairs: Tensor, num_nodes: int, directed: bool) -> None:
        both = pairs if directed else torch.cat([pairs, pairs.flip(0)], dim=1)
        loops = torch.arange(num_nodes)
        keys = torch.cat([pair_keys(both, num_nodes, True), loops * (num_nodes + 1)]).unique()
        self.num_nodes, self.directed = num_nodes, directed
        self._before = keys - torch.arange(keys.numel())  # number of ordered non-edges before each edge
        self._ordered = num_nodes * num_nodes - keys.numel()
        if not self._ordered:
            raise InputError(
                f"expected pairs of nodes without an edge, got an edge between all {num_nodes} nodes; "
                "there is no link to predict"
            )

    def __len__(self) -> int:
        return self._ordered if self.directed else self._ordered // 2

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Returns independent random pairs ``[2, count]``."""
        return self._pairs(torch.randint(self._ordered, (count,), generator=generator))

    def distinct(self, count: int, generator: torch.Generator) -> Tensor:
        """Returns distinct random pairs, at most ``count`` and all if there are fewer."""
        keys = torch.empty(0, dtype=torch.long)
        if len(self) <= 2 * count:
            keys = pair_keys(self._pairs(torch.arange(self._ordered)), self.num_nodes, self.directed).unique()
        while keys.numel() < min(count, len(self)):
            drawn = pair_keys(self.sample(2 * count, generator), self.num_nodes, self.directed)
            keys = torch.cat([keys, drawn]).unique()
        return pairs_of(keys[torch.randperm(keys.numel(), generator=generator)[:count]], self.num_nodes)

    def _pairs(self, ranks: Tensor) -> Tensor:
        """Returns the pairs of some ranks among the ordered non-edges."""
        pairs = pairs_of(ranks + torch.searchsorted(self._before, ranks, right=True), self.num_nodes)
        return pairs if self.directed else pairs.sort(dim=0).values


def adjacency(edge_index: Tensor, num_nodes: int) -> "scipy.sparse.csr_array":
    """Returns the sparse adjacency matrix of the distinct edges, without self loops."""
    row, col = edge_index.numpy()
    keep = row != col
    matrix = scipy.sparse.csr_array((np.ones(int(keep.sum())), (row[keep], col[keep])), shape=(num_nodes, num_nodes))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def hard_negatives(
    positives: Tensor, edge_index: Tensor, known: Tensor, num_nodes: int, count: int, directed: bool, seed: int
) -> tuple[Tensor, Tensor]:
    """Returns negative pairs that share many neighbors, for each positive pair.

    Half of the negatives of ``(u, v)`` are pairs ``(u, w)``, the others pairs ``(w, v)``. The nodes ``w`` are those
    with most common neighbors, in random order where these are equal. HeaRT also ranks by other heuristics.

    Args:
        positives (Tensor): ``[2, P]``, positive pairs.
        edge_index (Tensor): ``[2, E]``, edges in which common neighbors are counted.
        known (Tensor): ``[2, K]``, pairs that are not negatives.
        num_nodes (int): Number of nodes.
        count (int): Number of negatives of each positive pair; fewer if there are not enough.
        directed (bool): Distinguishes the two directions of a pair.
        seed (int): Random seed.

    Returns:
        Pairs ``[2, H]``, and the position ``[H]`` of the positive pair of each.

    Reference:
        Li et al., *Evaluating Graph Neural Networks for Link Prediction: Current Pitfalls and New Benchmarking*,
        NeurIPS 2023.
    """
    generator = np.random.default_rng([seed, 1])
    edges = adjacency(edge_index, num_nodes)
    taken = adjacency(known if directed else torch.cat([known, known.flip(0)], dim=1), num_nodes)
    pairs, group = [], []
    for side, size in ((0, (count + 1) // 2), (1, count // 2)):  # the end that is kept
        along, not_free = (edges, taken) if side == 0 else (edges.T.tocsr(), taken.T.tocsr())
        anchors = positives[side].numpy()
        for start in range(0, anchors.size, _ROWS):
            common = scipy.sparse.csr_array(along[anchors[start : start + _ROWS]] @ along)
            for row, anchor in enumerate(anchors[start : start + _ROWS].tolist()):
                excluded = np.append(not_free.indices[not_free.indptr[anchor] : not_free.indptr[anchor + 1]], anchor)
                columns = slice(common.indptr[row], common.indptr[row + 1])
                others = _closest(common.indices[columns], common.data[columns], excluded, num_nodes, size, generator)
                kept = np.full(others.size, anchor)
                pairs.append(np.stack([kept, others] if side == 0 else [others, kept]))
                group.append(np.full(others.size, start + row))
    if not pairs:
        return torch.empty(2, 0, dtype=torch.long), torch.empty(0, dtype=torch.long)
    return torch.from_numpy(np.concatenate(pairs, axis=1)).long(), torch.from_numpy(np.concatenate(group)).long()


#: Rows of common neighbors that are counted at once.
_ROWS = 256


def _closest(
    nodes: np.ndarray,
    common: np.ndarray,
    excluded: np.ndarray,
    num_nodes: int,
    size: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Returns the nodes with most common neighbors, filled with random other nodes."""
    free = ~np.isin(nodes, excluded)
    nodes, common = nodes[free], common[free]
    nodes = nodes[np.argsort(-(common + generator.random(common.size)))[:size]]
    missing = min(size, num_nodes - excluded.size) - nodes.size
    if missing <= 0:
        return nodes
    unfit = np.concatenate([excluded, nodes])
    if 4 * (missing + unfit.size) > num_nodes:
        rest = np.setdiff1d(np.arange(num_nodes), unfit)
    else:
        rest = np.unique(generator.integers(num_nodes, size=4 * (missing + unfit.size)))
        rest = rest[~np.isin(rest, unfit)]
    return np.concatenate([nodes, generator.permutation(rest)[:missing]])
