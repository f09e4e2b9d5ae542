"""A user calls `graphkit.data.load(data)` with a torch_geometric Data, or a list of them, instead of a path.
graphkit raised `expected str, bytes or os.PathLike object, not Data`.
Right: it works, or the error says what to do with a graph in memory (save it and give the path).
"""

import sys

import torch
from torch_geometric.data import Data

from graphkit.data import load

graph = Data(x=torch.ones(6, 1), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.arange(6) % 2)
bad = []
for name, given in (("Data", graph), ("list", [graph] * 6)):
    try:
        load(given)
    except Exception as error:
        if not any(word in str(error) for word in ("save", "path of", ".pt", "Batch.from_data_list")):
            bad.append(f"{name}: {type(error).__name__}: {error}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a graph in memory is handled")
sys.exit(bool(bad))
