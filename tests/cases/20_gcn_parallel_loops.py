"""A user computes a GCN in batches of nodes, with all neighbors, on a graph that has a self loop twice.
graphkit's batches gave other outputs than the whole graph, contrary to its documentation.
Right: the same outputs up to rounding.
"""

import sys

import torch
from torch_geometric.data import Data

from graphkit.nn import GCN
from graphkit.sampling import NeighborLoader

torch.manual_seed(0)
edge_index = torch.cat([torch.randint(0, 40, (2, 120)), torch.tensor([[3, 7, 3], [3, 7, 3]])], dim=1)
data = Data(x=torch.randn(40, 5, dtype=torch.float64), edge_index=edge_index, y=torch.zeros(40, dtype=torch.long))
model = GCN(5, 3, hidden_channels=8).double().eval()
prepare = getattr(model, "prepare_for_sampling", None) or model.prepare_for_sampling
layers = sum(1 for module in model.modules() if type(module).__name__ == "GCNConv") or 2
full_out = model(**model.inputs(data))
worst = 0.0
for batch in NeighborLoader(prepare(data), [-1] * layers, batch_size=5):
    out = model(**model.inputs(batch))[: batch.batch_size]
    worst = max(worst, float((out - full_out[batch.n_id[: batch.batch_size]]).abs().max()))
bad = [] if worst < 1e-9 else [f"outputs in batches differ by {worst:.3g} from those on the whole graph"]
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok batches give the outputs of the whole graph")
sys.exit(bool(bad))
