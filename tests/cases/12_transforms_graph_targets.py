"""A user applies a transform to a graph with one edge and a target of the whole graph under a name of their own.
graphkit took the target for an edge attribute, because it has as many rows as there are edges, and repeated it.
Right: only edge attributes change (PyTorch Geometric issues 3265, 3879 and 9912).
"""

import sys

import torch
from torch_geometric.data import Data

from graphkit.transforms import RemoveSelfLoops, SelfLoops, Undirected

bad = []
for name in ("y", "target", "energy"):
    for transform in (Undirected(), SelfLoops(), RemoveSelfLoops()):
        data = Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0], [1]]), edge_attr=torch.tensor([[1.0, 2, 3]]))
        data[name] = torch.tensor([[7.0, 8.0]])
        out = transform(data)
        if out[name].tolist() != [[7.0, 8.0]]:
            bad.append(f"{type(transform).__name__}: `{name}` of the graph becomes {out[name].tolist()}")
        if out.edge_attr.size(0) != out.edge_index.size(1):
            bad.append(f"{type(transform).__name__}: edge_attr does not follow the edges")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok targets of the graph stay as they are")
sys.exit(bool(bad))
