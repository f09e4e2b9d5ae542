"""Edge AUC: ranking of the edges of a pattern by the coefficients of a factor."""

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics.edit_distance import symmetric_edges
from graphkit.metrics.segment_auc import segment_auc


def edge_auc(
    coefficients: Tensor,
    edge_index: Tensor,
    ptr: Tensor,
    factor_mask: Tensor,
    matching: Tensor,
    presence: Tensor | None = None,
) -> float:
    """Computes the within-graph edge AUC for a fixed matching of patterns and factors.

    For each pattern of a graph, the symmetrized coefficients of its factor rank the edges of the graph. The AUC is the
    probability that an edge of the pattern has a larger coefficient than another edge of the graph, with 1/2 for ties.
    The result is the mean over (graph, pattern) pairs with edges of both kinds. Identical factors and coefficients that
    are constant within a graph score 0.5, for any number of factors.

    Args:
        coefficients (Tensor): ``[E, M]``, see :func:`~graphkit.metrics.edit_distances`.
        edge_index (Tensor): ``[2, E]``, edges of the batched graphs.
        ptr (Tensor): ``[B + 1]``, node offsets of the graphs.
        factor_mask (Tensor): ``[E, P]`` bool, patterns of each edge.
        matching (Tensor): ``[P]``, factor of each pattern, as returned by :func:`~graphkit.metrics.fixed_matching` for
            validation graphs; a pattern without a factor (-1) scores 0.5.
        presence (Tensor, optional): ``[B, P]`` bool, patterns of each graph. (default: ``None``, patterns with an edge)

    Returns:
        The mean AUC; NaN if no pair has edges of both kinds.

    Raises:
        InputError: If the shapes do not match or a coefficient is not finite.
    """
    if matching.shape != factor_mask.shape[1:]:
        raise InputError(f"`matching` must hold one factor per pattern, {factor_mask.size(1)} (got {matching.numel()})")
    edges = symmetric_edges(coefficients, edge_index, ptr, factor_mask)
    num_graphs = ptr.numel() - 1
    areas = []
    for pattern, factor in enumerate(matching.tolist()):
        score = edges.value[:, factor] if factor >= 0 else torch.zeros_like(edges.value[:, 0])
        area = segment_auc(score, edges.mask[:, pattern], edges.graph, num_graphs)
        areas.append(area if presence is None else area[presence[:, pattern].bool()])
    return float(torch.cat(areas).nanmean())
