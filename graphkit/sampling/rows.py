"""Rows of what a graph has for each node or edge, dense or sparse."""

import torch
from torch import Tensor

from graphkit.sampling.csc_graph import spans


def take_rows(value: Tensor, ids: Tensor) -> Tensor:
    """Returns some rows of a tensor ``[N, ...]``; a sparse one (COO or CSR) stays sparse."""
    if value.layout == torch.sparse_csr:
        places, counts = spans(value.crow_indices().long(), ids)
        crow = torch.zeros(ids.numel() + 1, dtype=torch.long)
        torch.cumsum(counts, 0, out=crow[1:])
        size = (ids.numel(), *value.shape[1:])
        parts = (crow, value.col_indices()[places], value.values()[places])
        return torch.sparse_csr_tensor(*parts, size, check_invariants=False)
    return value.index_select(0, ids)
