"""Weak supervision of factors by the labels of graphs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.errors import InputError
from graphkit.ops._segments import widen


def label_loss(coefficients: Tensor, edge_index: Tensor, y: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""Returns the cross-entropy of factor coefficients against the labels of their graphs.

    .. math::
        \mathcal{L} = \mathrm{mean}_{g, m} \; \mathrm{mean}_{(j, i) \in g, \, j \neq i} \;
        \mathrm{BCE} \left( E_m(j, i), \, y_{g, m} \right)

    Factor :math:`m` is told in which graphs it should be awake, but of no edge whether it belongs to it. Labels that
    are missing do not count; a graph without an edge between different nodes contributes zero.

    Args:
        coefficients: Coefficients in (0, 1), one column per label.
        edge_index: Edges, row 0 = source and row 1 = target.
        y: Labels, 0, 1 or NaN where one is missing.
        batch: The graph of each node; nothing for a single graph.

    Shapes:
        - **input:** ``coefficients`` ``[E, C]``, ``edge_index`` ``[2, E]``, ``y`` ``[B, C]``, ``batch`` ``[N]``.
        - **output:** a scalar.

    Raises:
        ValueError: If the labels are not one row per graph.

    Differences:
        This is an extension; the paper does not supervise factors.
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
