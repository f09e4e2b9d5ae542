"""A user calls SPAGANConv(cached=True) on a second graph: other edges, or another number of nodes.
graphkit used the paths of the first graph without a word.
Right: the output of a layer without a cache, or a ValueError; the cache is used for the same graph only.
"""

import sys

import torch

from graphkit.nn import SPAGANConv

torch.manual_seed(0)
layer = SPAGANConv(8, 4, heads=2, max_hops=2, cached=True).eval()
fresh = SPAGANConv(8, 4, heads=2, max_hops=2).eval()
fresh.load_state_dict(layer.state_dict())
layer(torch.randn(10, 8), torch.randint(0, 10, (2, 40)))
bad = []
for name, nodes in (("as many nodes", 10), ("more nodes", 20), ("fewer nodes", 6)):
    x, edge_index = torch.randn(nodes, 8), torch.randint(0, nodes, (2, 40))
    try:
        gap = float((layer(x, edge_index) - fresh(x, edge_index)).abs().max())
        if not gap < 1e-5:
            bad.append(f"another graph of {name}: wrong by {gap:.2f}")
    except ValueError:
        pass
    except Exception as error:
        bad.append(f"another graph of {name}: {type(error).__name__}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the cache belongs to one graph")
sys.exit(bool(bad))
