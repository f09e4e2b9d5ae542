"""Which factor of a model stands for which true pattern: anew in each graph, or once for all of them."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from graphkit.metrics.edit_distance import EditDistances


def assign_factors(edits: EditDistances, seed: int = 0) -> Tensor:
    """Returns the factor of every pattern, ``[B, P]``, at the least total distance of each graph; -1 for none.

    Args:
        edits: Distances of all patterns to all factors, see :func:`~graphkit.metrics.edit_distances`.
        seed: Seed of the order in which the patterns and the factors of each graph are tried, which decides between
            equal costs. A fixed order would make identical factors look consistent, see
            :mod:`graphkit.metrics.factors`.
    """
    num_graphs, num_patterns, num_factors = edits.distance.shape
    # A stream of NumPy's: one of PyTorch's with the same seed may have drawn which patterns are in which graph.
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
        rows, columns = linear_sum_assignment(cost)
        real = columns < num_factors
        result[graph, patterns[rows[real]]] = permutation[graph, columns[real]]
    return assignment.to(edits.distance.device)


def matched_ged(edits: EditDistances, assignment: Tensor) -> Tensor:
    """Returns the mean edit distance over the patterns of every graph, ``[B]``, under a matching ``[B, P]``."""
    matched = edits.distance.gather(2, assignment.clamp(min=0).unsqueeze(2)).squeeze(2)
    distance = torch.where(assignment >= 0, matched, edits.size) * edits.presence
    return distance.sum(dim=1).double() / edits.presence.sum(dim=1)  # 0 / 0 is NaN: no pattern, no score


def fixed_matching(edits: EditDistances) -> Tensor:
    """Returns the one factor of each pattern, ``[P]``, at the least total distance over all graphs; -1 for none.

    Fit it on validation graphs and apply it to others with :func:`fixed_ged` and
    :func:`~graphkit.metrics.edge_auc`.
    """
    weight = edits.presence.long()
    total = (edits.distance * weight.unsqueeze(2)).sum(dim=0).cpu().numpy()
    size = (edits.size * weight).sum(dim=0).cpu().numpy()
    matching = torch.full((total.shape[0],), -1, dtype=torch.long)
    for pattern, factor in zip(*linear_sum_assignment(_with_empty_graphs(total, size)), strict=True):
        if factor < total.shape[1]:
            matching[pattern] = int(factor)
    return matching.to(edits.distance.device)


def fixed_ged(edits: EditDistances, matching: Tensor) -> float:
    """Returns GED_E where every graph has to use the same matching ``[P]``."""
    return float(matched_ged(edits, matching.expand(edits.presence.shape)).nanmean())


def _with_empty_graphs(cost: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Returns the costs ``[K, M]`` with a column of graphs without edges for every pattern beyond the factors."""
    missing = cost.shape[0] - cost.shape[1]
    return cost if missing <= 0 else np.concatenate([cost, np.tile(size[:, None], missing)], axis=1)
