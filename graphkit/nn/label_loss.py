"""Weak supervision of factor coefficients by graph labels."""

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.errors import InputError
from graphkit.ops._segments import widen


def label_loss(coefficients: Tensor, edge_index: Tensor, y: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""Returns the binary cross-entropy of factor coefficients and graph labels.

    .. math::
        \mathcal{L} = \mathrm{mean}_{g, m} \; \mathrm{mean}_{(j, i) \in g, \, j \neq i} \;
        \mathrm{BCE} \left( E_m(j, i), \, y_{g, m} \right)

    Label :math:`m` of a graph supervises factor :math:`m` of all its edges. Missing labels are ignored. A graph without
    an edge between different nodes contributes zero.

    Args:
        coefficients (Tensor): Coefficients in (0, 1), one column per label.
        edge_index (Tensor): Edges, row 0 = source and row 1 = target.
        y (Tensor): Labels 0 or 1; NaN if missing.
        batch (Tensor, optional): Graph of each node; a single graph if ``None``. (default: ``None``)

    Shapes:
        - **input:** ``coefficients`` ``[E, C]``, ``edge_index`` ``[2, E]``, ``y`` ``[B, C]``, ``batch`` ``[N]``.
        - **output:** scalar.

    Raises:
        InputError: If ``y`` does not have one row per graph.

    Differences:
        Extension of this package; the paper of FactorGCN does not supervise factors.
    """
    if y.dim() != 2:
        raise InputError(f"`y` must hold labels [B, C], one row per graph (got {list(y.shape)})")
    coefficients = widen(coefficients)
    row, col = edge_index[0], edge_index[1]
    graph = torch.zeros_like(col) if batch is None else batch[col]
    counts = (row != col).to(coefficients.dtype)
    edges = torch.zeros(y.size(0), dtype=counts.dtype, device=counts.device).index_add(0, graph, counts)
    mask = ~y.isnan()
    share = mask.to(counts.dtype) / mask.sum().clamp(min=1) / edges.clamp(min=1)[:, None]
    labels = y.nan_to_num().to(coefficients.dtype)
    with torch.autocast(coefficients.device.type, enabled=False):
        losses = F.binary_cross_entropy(coefficients.clamp(1e-6, 1 - 1e-6), labels[graph], reduction="none")
    return (share[graph] * counts[:, None] * losses).sum()
