r"""GED_E and C-score: how well the factors of a model match the relations a graph was made of.

Both scores take the best assignment of factors to patterns, anew in each graph. Two traps come with that, and both
have a guard here:

* **GED_E falls with the number of factors even for noise**, because the best of many is taken. Compare it only at
  the same number of factors, beside :func:`~graphkit.metrics.random_factors` and beside an untrained model;
  :func:`~graphkit.metrics.fixed_ged` and :func:`~graphkit.metrics.edge_auc` use one matching for all graphs and have
  no such choice.
* **C-score rewards a tie-break that follows an order.** Were all factors identical, an assignment that breaks ties by
  index would give the first pattern of every graph to factor 0 and the second to factor 1: full marks for having
  found nothing. Ties are therefore broken by an order of the patterns and the factors that is drawn anew for each
  graph from ``seed``; where one assignment is the cheapest, the order changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics.edit_distance import edit_distances
from graphkit.metrics.factor_matching import assign_factors, matched_ged


class FactorScores(NamedTuple):
    """What :func:`factor_scores` found.

    * **ged_e**, **ged_e_std**: mean and population deviation of ``ged`` over the graphs that have a pattern.
    * **c_score**: share of the factor each pattern is matched to most often, averaged over patterns.
    * **ged** ``[B]``: edit distance per pattern of every graph; NaN for a graph without a pattern.
    * **assignment** ``[B, P]``: the factor each pattern was matched to; -1 where the graph lacks the pattern.
    """

    ged_e: float
    ged_e_std: float
    c_score: float
    ged: Tensor
    assignment: Tensor

    @property
    def matches(self) -> dict[int, list[int]]:
        """The factors each pattern was matched to, in the order of the graphs that contain it."""
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
    r"""Returns GED_E and C-score of factor coefficients against true patterns.

    For every graph, patterns are assigned to different factors so that the sum of their edit distances (see
    :func:`edit_distances`) is smallest. GED_E is that sum divided by the number of patterns, averaged over graphs.
    Where a graph has more patterns than the model has factors, a pattern that is left over is compared with the empty
    graph.

    Args:
        coefficients, edge_index, ptr, factor_mask, presence: See :func:`edit_distances`.
        seed: Seed of the orders that break ties between equally cheap assignments.

    Reference: `Factorizable Graph Convolutional Networks <https://arxiv.org/abs/2010.05421>`_ (NeurIPS 2020).

    Raises:
        ValueError: If the shapes do not fit, a coefficient is NaN, or no graph has a pattern.
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
    r"""Returns how consistently each pattern is matched to one factor, averaged over patterns.

    Args:
        matches: For each pattern the factors it was matched to, one per graph; or an assignment ``[B, P]``, whose
            negative entries count nowhere.

    Returns:
        A number up to 1, where every pattern has its factor; about one over the number of factors is chance.

    Raises:
        ValueError: If no pattern was matched at all.
    """
    if isinstance(matches, Tensor):
        matches = {pattern: column[column >= 0].tolist() for pattern, column in enumerate(matches.t())}
    matched = [torch.tensor(factors) for factors in matches.values() if len(factors)]
    if not matched:
        raise InputError("the C-score needs at least one matched pattern (got none)")
    return sum(int(factors.bincount().max()) / factors.numel() for factors in matched) / len(matched)
