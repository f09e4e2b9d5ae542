"""A user applies TWP to a task whose graph has no edge.
graphkit raised an error in the topology loss, because there was nothing to add up.
Right: the topology loss of a graph without edges is 0, and so is its part of the importance.
"""

import sys

import torch

from graphkit.continual import TWP, Experience
from graphkit.nn import FactorGCNConv

torch.manual_seed(0)
layer, x = FactorGCNConv(3, 4, 2), torch.randn(4, 3)
edge_index, ids = torch.empty(2, 0, dtype=torch.long), torch.tensor([0, 1])
bad = []
for norm in ("squared", "fro"):
    task = Experience([edge_index], lambda m, e: m(x, e)[ids], lambda e: torch.tensor([0, 1]), nodes=lambda e: ids)
    try:
        importance = TWP(1.0, 1.0, norm=norm).importance(layer, task)
        if not all(torch.isfinite(value).all() for value in importance.values()):
            bad.append(f"norm {norm}: importance is not finite")
    except Exception as error:
        bad.append(f"norm {norm}: {type(error).__name__}: {str(error)[:100]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a task without edges has a finite importance")
sys.exit(bool(bad))
