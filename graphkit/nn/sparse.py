"""Features that are mostly zeros."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F


def full_precision(x: Tensor) -> AbstractContextManager:
    """Returns a context without autocast for sparse features, whose products have no kernels in half precision."""
    return nullcontext() if x.layout == torch.strided else torch.autocast(x.device.type, enabled=False)


def drop(x: Tensor, p: float, training: bool) -> Tensor:
    """Returns ``x`` after dropout; sparse features, COO or CSR, stay sparse: only what is stored can be dropped."""
    if not training or p == 0:
        return x
    if x.layout == torch.strided:
        return F.dropout(x, p)
    if x.layout == torch.sparse_csr:
        values = F.dropout(x.values(), p)
        return torch.sparse_csr_tensor(x.crow_indices(), x.col_indices(), values, x.shape, check_invariants=False)
    x = x.coalesce()
    values = F.dropout(x.values(), p)
    return torch.sparse_coo_tensor(x.indices(), values, x.shape, is_coalesced=True, check_invariants=False)
