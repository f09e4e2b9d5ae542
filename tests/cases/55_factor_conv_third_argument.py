"""A user replaces GCNConv by FactorGCNConv and keeps the call conv(x, edge_index, edge_weight).
graphkit took the weights for `return_factors`: an error of PyTorch on the truth of a tensor, or a pair was returned.
Right: a TypeError or ValueError that says that the layer takes no weights (or the weights are used).
"""

import sys

import torch

from graphkit.nn import FactorGCNConv

torch.manual_seed(0)
layer, x, edge_index = FactorGCNConv(4, 8, factors=2), torch.randn(5, 4), torch.randint(0, 5, (2, 9))
bad = []
for name, edges in (("9 edges", edge_index), ("1 edge", edge_index[:, :1])):
    try:
        out = layer(x, edges, torch.ones(edges.size(1)))
        if isinstance(out, tuple):
            bad.append(f"{name}: weights were read as return_factors, a pair came back")
    except (TypeError, ValueError):
        pass
    except Exception as error:
        bad.append(f"{name}: {type(error).__name__}: {str(error)[:70]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok weights are not mistaken for a switch")
sys.exit(bool(bad))
