"""A user calls a network inside `share_trunk_outputs()` on two graphs that share x and edges and differ in edge
weights. graphkit returned the output of the first graph for the second.
Right: the outputs that the network gives outside.
"""

import importlib
import sys

import torch
from torch_geometric.data import Data

from graphkit.continual import share_trunk_outputs
from graphkit.nn import GCN

call_model = importlib.import_module(share_trunk_outputs.__module__).call_model
torch.manual_seed(0)
x, edge_index = torch.randn(6, 4), torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
one = Data(x=x, edge_index=edge_index, edge_weight=torch.ones(6))
two = Data(x=x, edge_index=edge_index, edge_weight=torch.tensor([5.0, 1, 9, 1, 1, 3]))
model = GCN(4, 3, hidden_channels=8).eval()
with torch.no_grad():
    want = model(**model.inputs(two))
    with share_trunk_outputs():
        call_model(model, one, 0)
        out = call_model(model, two, 0)
gap = float((out - want).abs().max())
bad = [] if gap < 1e-6 else [f"the output of the second graph is wrong by {gap:.2f}"]
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok other weights give other outputs")
sys.exit(bool(bad))
