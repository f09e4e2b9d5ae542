"""Agreement of factors with true patterns, with untrained and random baselines."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.metrics.edge_auc import edge_auc
from graphkit.metrics.edit_distance import edit_distances
from graphkit.metrics.factor_matching import fixed_ged, fixed_matching
from graphkit.metrics.factors import factor_scores
from graphkit.metrics.random_factors import random_factors
from graphkit.metrics.saturated_share import saturated_share
from graphkit.nn import GraphModel

#: Batch size of the evaluation.
_BATCH = 1000


class FoundFactors(NamedTuple):
    """Factors of one layer and the true patterns, as one batch of graphs.

    Args:
        coefficients (Tensor): ``[E, M]``.
        edge_index (Tensor): ``[2, E]``.
        ptr (Tensor): ``[B + 1]``, first node of every graph and the number of nodes.
        factor_mask (Tensor): ``[E, P]`` bool, true patterns of each edge.
    """

    coefficients: Tensor
    edge_index: Tensor
    ptr: Tensor
    factor_mask: Tensor


@torch.no_grad()
def found_factors(model: GraphModel, dataset: GraphDataset, ids: Tensor) -> FoundFactors:
    """Computes the factors of the first layer for graphs with true factors.

    Args:
        model (GraphModel): Model that returns factors.
        dataset (GraphDataset): Collection of graphs with ``factor_mask``.
        ids (Tensor): Ids of the graphs.
    """
    model.eval()
    device = next(model.parameters()).device
    parts: list[FoundFactors] = []
    offset = 0
    for chunk in ids.split(_BATCH):
        batch = dataset.graphs.batch(chunk).to(device)  # type: ignore[attr-defined]
        _, factors = model(**model.inputs(batch), return_factors=True)
        edge_index = torch.stack([batch.edge_index[0], batch.edge_index[1]])
        result = FoundFactors(factors[0], edge_index + offset, batch.ptr[:-1] + offset, batch.factor_mask)
        parts.append(FoundFactors(*(tensor.cpu() for tensor in result)))
        offset += int(batch.num_nodes)
    return FoundFactors(
        torch.cat([result.coefficients for result in parts]),
        torch.cat([result.edge_index for result in parts], dim=1),
        torch.cat([*(result.ptr for result in parts), torch.tensor([offset])]),
        torch.cat([result.factor_mask for result in parts]),
    )


def factor_quality(test: FoundFactors, validation: FoundFactors) -> dict[str, float]:
    """Computes the agreement of factors with true patterns on test graphs.

    Args:
        test (FoundFactors): Factors to evaluate.
        validation (FoundFactors): Factors on which the fixed matching is fitted.

    Returns:
        ``ged_e`` and ``c_score`` with the best matching per graph, as published; ``fixed_ged_e`` and ``edge_auc`` with
        the fixed matching; ``saturated``, the fraction of coefficients close to 0 or 1.
    """
    scores = factor_scores(*test)
    matching = fixed_matching(edit_distances(*validation))
    return {
        "ged_e": scores.ged_e,
        "c_score": scores.c_score,
        "fixed_ged_e": fixed_ged(edit_distances(*test), matching),
        "edge_auc": edge_auc(*test, matching),
        "saturated": saturated_share(test.coefficients),
    }


def factor_metrics(
    model: GraphModel, untrained: GraphModel, dataset: GraphDataset, split: Split
) -> dict[str, float | None]:
    """Computes factor scores of the trained, the untrained and a random model.

    The names of the baselines begin with ``untrained_`` and ``random_``. Empty without true factors. See
    :class:`graphkit.metrics.extra_metrics.ExtraMetrics`.
    """
    if not (dataset.has_factor_masks and split.test.numel()):
        return {}
    held_out = split.val if split.val.numel() else split.train
    test, validation = (found_factors(model, dataset, ids) for ids in (split.test, held_out))
    if not bool(test.factor_mask.any()) or not bool(validation.factor_mask.any()):
        return {}
    rows = {
        "": (test, validation),
        "untrained_": tuple(found_factors(untrained, dataset, ids) for ids in (split.test, held_out)),
        # As many random factors as the trained layer has, since the best of more factors scores better by chance.
        "random_": (_random(test, seed=0), _random(validation, seed=1)),
    }
    return {prefix + name: score for prefix, pair in rows.items() for name, score in factor_quality(*pair).items()}


def _random(factors: FoundFactors, seed: int) -> FoundFactors:
    """Returns random factors on the same edges."""
    num_edges, num_factors = factors.coefficients.shape
    return factors._replace(coefficients=random_factors(num_edges, num_factors, seed))
