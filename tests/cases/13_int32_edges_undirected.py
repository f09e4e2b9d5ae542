"""A user makes a graph of 200,000 nodes with int32 edges undirected.
graphkit sorted by source * N + target in int32, which overflows above 46,340 nodes, and lost an edge.
Right: the same edges as in int64 (PyTorch Geometric pull request 8812).
"""

import sys

import torch
from torch_geometric.data import Data

from graphkit.transforms import Undirected

edges = torch.tensor([[40000, 7296], [0, 21475]])  # keys that differ by 2^32
want = {(40000, 0), (0, 40000), (7296, 21475), (21475, 7296)}
bad = []
for kind in (torch.int64, torch.int32):
    out = Undirected()(Data(edge_index=edges.to(kind), num_nodes=200_000))
    edge_set = set(map(tuple, out.edge_index.t().tolist()))
    if edge_set != want:
        bad.append(f"{kind}: missing {sorted(want - edge_set)}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok int32 edges keep every edge")
sys.exit(bool(bad))
