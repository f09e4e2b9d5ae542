"""A user takes a forward-mode derivative (`torch.func.jvp`, `jacfwd`) of an operator.
graphkit's native operators returned zeros without an error.
Right: the true derivative, or a NotImplementedError; never zeros.
"""

import sys

import torch

from graphkit.nn import FactorGCNConv
from graphkit.ops import segment_sum

torch.manual_seed(0)
ptr, x, v = torch.tensor([0, 2, 3]), torch.randn(3, 2), torch.ones(3, 2)
edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
layer = FactorGCNConv(2, 4, 2).double()
cases = {
    "segment_sum": (lambda x: segment_sum(x, ptr), x.double()),
    "FactorGCNConv": (lambda x: layer(x, edge_index), x.double()),
}
bad = []
for name, (function, at) in cases.items():
    step = 1e-6 * v.double()
    want = ((function(at + step) - function(at - step)) / 2e-6).detach()
    try:
        tangent = torch.func.jvp(function, (at,), (v.double(),))[1]
    except (NotImplementedError, RuntimeError):
        continue
    if not torch.allclose(tangent, want, atol=1e-5):
        bad.append(f"{name}: derivative {tangent.norm():.3g} (finite difference: {want.norm():.3g})")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok forward-mode derivatives are right or refused")
sys.exit(bool(bad))
