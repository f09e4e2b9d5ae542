"""Matching of factors to true patterns, per graph or fixed for all graphs."""

import numpy as np
import scipy
import torch
from torch import Tensor

from graphkit.metrics.edit_distance import EditDistances


def assign_factors(edits: EditDistances, seed: int = 0) -> Tensor:
    """Assigns factors to patterns with the least total edit distance in each graph.

    Args:
        edits (EditDistances): Distances, see :func:`~graphkit.metrics.edit_distances`.
        seed (int, optional): Seed of the random order of patterns and factors, which breaks ties. A fixed order would
            give identical factors a high C-score, see :mod:`graphkit.metrics.factors`. (default: ``0``)

    Returns:
        The factor of every pattern ``[B, P]``, -1 for none.
    """
    num_graphs, num_patterns, num_factors = edits.distance.shape
    # NumPy's generator: PyTorch's with the same seed may have generated the patterns.
    generator = np.random.default_rng(seed)
    shuffle = torch.from_numpy(generator.random((num_graphs, num_factors))).argsort(dim=1)
    distance = edits.distance.cpu().gather(2, shuffle.unsqueeze(1).expand(-1, num_patterns, -1)).numpy()
    priority = generator.random((num_graphs, num_patterns))
    presence, size, permutation = edits.presence.cpu().numpy(), edits.size.cpu().numpy(), shuffle.numpy()
    assignment = torch.full((num_graphs, num_patterns), -1, dtype=torch.long)
    result = assignment.numpy()
    for graph in range(num_graphs):
        patterns = presence[graph].nonzero()[0]
        patterns = patterns[priority[graph, patterns].argsort()]
        cost = _with_empty_graphs(distance[graph, patterns], size[graph, patterns])
        rows, columns = scipy.optimize.linear_sum_assignment(cost)
        real = columns < num_factors
        result[graph, patterns[rows[real]]] = permutation[graph, columns[real]]
    return assignment.to(edits.distance.device)


def matched_ged(edits: EditDistances, assignment: Tensor) -> Tensor:
    """Computes the mean edit distance per pattern of every graph under a matching.

    Args:
        edits (EditDistances): Distances, see :func:`~graphkit.metrics.edit_distances`.
        assignment (Tensor): ``[B, P]``, factor of every pattern.

    Returns:
        The distances ``[B]``, NaN for a graph without a pattern.
    """
    matched = edits.distance.gather(2, assignment.clamp(min=0).unsqueeze(2)).squeeze(2)
    distance = torch.where(assignment >= 0, matched, edits.size) * edits.presence
    return distance.sum(dim=1).double() / edits.presence.sum(dim=1)  # 0 / 0 = NaN for graphs without a pattern


def fixed_matching(edits: EditDistances) -> Tensor:
    """Matches one factor to each pattern, with the least total distance of all graphs.

    Fit the matching on validation graphs and apply it to test graphs with :func:`fixed_ged` and
    :func:`~graphkit.metrics.edge_auc`.

    Args:
        edits (EditDistances): Distances, see :func:`~graphkit.metrics.edit_distances`.

    Returns:
        The factor of each pattern ``[P]``, -1 for none.
    """
    weight = edits.presence.long()
    total = (edits.distance * weight.unsqueeze(2)).sum(dim=0).cpu().numpy()
    size = (edits.size * weight).sum(dim=0).cpu().numpy()
    matching = torch.full((total.shape[0],), -1, dtype=torch.long)
    for pattern, factor in zip(*scipy.optimize.linear_sum_assignment(_with_empty_graphs(total, size)), strict=True):
        if factor < total.shape[1]:
            matching[pattern] = int(factor)
    return matching.to(edits.distance.device)


def fixed_ged(edits: EditDistances, matching: Tensor) -> float:
    """Computes GED_E under a fixed matching ``[P]`` for all graphs.

    Args:
        edits (EditDistances): Distances, see :func:`~graphkit.metrics.edit_distances`.
        matching (Tensor): ``[P]``, factor of each pattern.
    """
    return float(matched_ged(edits, matching.expand(edits.presence.shape)).nanmean())


def _with_empty_graphs(cost: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns the costs ``[K, M]`` with a column of empty graphs per excess pattern."""
    missing = cost.shape[0] - cost.shape[1]
    return cost if missing <= 0 else np.concatenate([cost, np.tile(size[:, None], missing)], axis=1)
