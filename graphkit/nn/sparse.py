"""Sparse node features: autocast context and dropout."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.ops._dropout import dropout


def full_precision(x: Tensor) -> AbstractContextManager:
    """Returns a context that disables autocast for sparse features.

    Sparse products have no half-precision kernels.
    """
    return nullcontext() if x.layout == torch.strided else torch.autocast(x.device.type, enabled=False)


def drop(x: Tensor, p: float, training: bool) -> Tensor:
    """Applies dropout; for sparse COO or CSR features, to the stored values only."""
    if not training or p == 0:
        return x
    if x.layout == torch.strided:
        return dropout(x, p)
    if x.layout == torch.sparse_csr:
        values = F.dropout(x.values(), p)
        return torch.sparse_csr_tensor(x.crow_indices(), x.col_indices(), values, x.shape, check_invariants=False)
    x = x.coalesce()
    values = F.dropout(x.values(), p)
    return torch.sparse_coo_tensor(x.indices(), values, x.shape, is_coalesced=True, check_invariants=False)
