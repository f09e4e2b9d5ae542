"""GED_E and C-score: agreement of the factors of a model with the true patterns.

Both scores use the best assignment of factors to patterns in each graph. This has two consequences:

* **GED_E decreases with the number of factors, even for noise**, since the best factor is selected. Compare it only at
  the same number of factors, and with :func:`~graphkit.metrics.random_factors` and an untrained model.
  :func:`~graphkit.metrics.fixed_ged` and :func:`~graphkit.metrics.edge_auc` use one matching for all graphs and have no
  such bias.
* **The C-score depends on tie-breaking.** With identical factors, breaking ties by index would assign the first pattern
  of every graph to factor 0 and the second to factor 1, a perfect score without information. Ties are therefore broken
  by a random order per graph, drawn from ``seed``. The order has no effect if the cheapest assignment is unique.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics.edit_distance import edit_distances
from graphkit.metrics.factor_matching import assign_factors, matched_ged


class FactorScores(NamedTuple):
    """GED_E and C-score of a set of graphs.

    * **ged_e**, **ged_e_std**: mean and population standard deviation of ``ged`` over the graphs with a pattern.
    * **c_score**: fraction of graphs in which a pattern has its most frequent factor, averaged over patterns.
    * **ged** ``[B]``: edit distance per pattern of every graph; NaN for a graph without a pattern.
    * **assignment** ``[B, P]``: factor assigned to each pattern; -1 if the graph does not contain the pattern.
    """

    ged_e: float
    ged_e_std: float
    c_score: float
    ged: Tensor
    assignment: Tensor

    @property
    def matches(self) -> dict[int, list[int]]:
        """Factors assigned to each pattern, in the order of the graphs that contain it."""
        columns = enumerate(self.assignment.t())
        return {pattern: factors[factors >= 0].tolist() for pattern, factors in columns if (factors >= 0).any()}


def factor_scores(
    coefficients: Tensor,
    edge_index: Tensor,
    ptr: Tensor,
    factor_mask: Tensor,
    presence: Tensor | None = None,
    seed: int = 0,
) -> FactorScores:
    """Computes GED_E and C-score of factor coefficients against true patterns.

    In every graph, patterns are assigned to different factors so that the sum of their edit distances (see
    :func:`edit_distances`) is minimal. GED_E is this sum divided by the number of patterns, averaged over graphs. If a
    graph has more patterns than the model has factors, excess patterns are compared with the empty graph.

    Args:
        coefficients (Tensor): ``[E, M]``, factor coefficients in (0, 1).
        edge_index (Tensor): ``[2, E]``, edges of the batched graphs.
        ptr (Tensor): ``[B + 1]``, first node of every graph and the number of nodes.
        factor_mask (Tensor): ``[E, P]`` bool, true patterns of each edge.
        presence (Tensor, optional): ``[B, P]`` bool, patterns of each graph. (default: ``None``, patterns with an edge)
        seed (int, optional): Seed of the random orders that break ties. (default: ``0``)

    Returns:
        The scores, see :class:`FactorScores`.

    Raises:
        InputError: If the shapes do not match, a coefficient is not finite, or no graph has a pattern.

    Reference:
        `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_, NeurIPS 2020.
    """
    edits = edit_distances(coefficients, edge_index, ptr, factor_mask, presence)
    assignment = assign_factors(edits, seed)
    ged = matched_ged(edits, assignment)
    valid = ged[~ged.isnan()]
    if valid.numel() == 0:
        raise InputError("GED_E needs at least one graph with a true pattern (got none)")
    std = float(valid.std(unbiased=False))
    return FactorScores(float(valid.mean()), std, c_score(assignment), ged, assignment)


def c_score(matches: Tensor | Mapping[int, Sequence[int]]) -> float:
    """Computes the C-score: consistency of the factor assigned to each pattern.

    Args:
        matches (Tensor or dict): Assignment ``[B, P]``, with negative entries ignored; or for each pattern the factors
            assigned to it.

    Returns:
        A value up to 1 for a constant factor per pattern. Chance is about one over the number of factors.

    Raises:
        InputError: If no pattern was matched.

    Example:
        >>> c_score({0: [1, 1, 1, 1], 1: [0, 0, 2, 3]})
        0.75
    """
    if isinstance(matches, Tensor):
        matches = {pattern: column[column >= 0].tolist() for pattern, column in enumerate(matches.t())}
    matched = [torch.tensor(factors) for factors in matches.values() if len(factors)]
    if not matched:
        raise InputError("the C-score needs at least one matched pattern (got none)")
    return sum(int(factors.bincount().max()) / factors.numel() for factors in matched) / len(matched)
