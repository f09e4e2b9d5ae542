"""A user saves a list of graphs in which `edge_weight` is too short everywhere, or NaN in one graph.
graphkit showed a bare IndexError for the first, and began to train on the second.
Right: one error line that names `edge_weight`, before anything is written.
"""

import pathlib
import subprocess
import sys
import tempfile

import torch
from torch_geometric.data import Data

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)


ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
wrong = {"short": torch.ones(2), "nan": torch.tensor([1.0, float("nan"), 1.0])}
bad = []
for name, weight in wrong.items():
    graphs = [
        Data(x=torch.rand(3, 2), edge_index=ring, y=torch.tensor([i % 2]), edge_weight=torch.ones(3)) for i in range(20)
    ]
    for graph in graphs if name == "short" else graphs[7:8]:
        graph.edge_weight = weight
    torch.save(graphs, folder / f"{name}.pt")
    done = graphkit("train", "--model", "gcn", "--dataset", f"{name}.pt", "--epochs", "2", "--output", name)
    if done.returncode != 2 or "edge_weight" not in done.stderr:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        bad.append(f"{name}: exit code {done.returncode}, {last[-120:]!r}")
    elif (folder / name).exists():
        bad.append(f"{name}: a run folder was written")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok edge weights of a list of graphs are checked")
sys.exit(bool(bad))
