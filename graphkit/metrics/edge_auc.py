"""Whether a factor's coefficients tell the edges of its pattern from the other edges of the same graph."""

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
    r"""Returns the within-graph edge AUC under one matching of patterns and factors.

    For each pattern of a graph, the symmetrised coefficients of the pattern's factor score the edges of this graph:
    the area under the ROC curve says how often an edge of the pattern lies above another edge, with 1/2 for a tie. It
    is averaged over the (graph, pattern) pairs that have edges of both kinds. Factors that are all alike, that are
    constant, or that only follow the mass of a whole graph score 0.5, whatever their number.

    Args:
        coefficients, edge_index, ptr, factor_mask, presence: See :func:`~graphkit.metrics.edit_distances`.
        matching: The factor of each pattern, as :func:`~graphkit.metrics.fixed_matching` returns it for validation
            graphs; a pattern without a factor (-1) scores 0.5.

    Shapes:
        - **input:** ``matching`` ``[P]``, others as for :func:`~graphkit.metrics.edit_distances`.

    Returns:
        The mean; NaN if no pair has edges of both kinds.

    Raises:
        ValueError: If the shapes do not fit or a coefficient is NaN.
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
