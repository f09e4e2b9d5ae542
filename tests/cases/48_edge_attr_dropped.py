"""A user trains on a .pt file whose graph has `edge_attr`.
graphkit left it out without a note, although it refuses an unknown array of .npz so that none is lost.
Right: a note or an error that names `edge_attr`.
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


ring = torch.stack([torch.arange(60), (torch.arange(60) + 1) % 60])
edge_index = torch.cat([ring, ring.flip(0)], 1)
graph = Data(x=torch.randn(60, 4), edge_index=edge_index, y=torch.arange(60) % 3, edge_attr=torch.randn(120, 3))
torch.save(graph, folder / "one.pt")
pair = torch.tensor([[0, 1], [1, 0]])
torch.save(
    [
        Data(x=torch.randn(2, 3), edge_index=pair, edge_attr=torch.randn(2, 3), y=torch.tensor([i % 2]))
        for i in range(20)
    ],
    folder / "many.pt",
)
bad = []
for name, model in (("one.pt", "gcn"), ("many.pt", "gin")):
    done = graphkit("train", "--model", model, "--dataset", name, "--epochs", "2", "--output", name + "-run")
    if "edge_attr" not in done.stderr + done.stdout:
        bad.append(f"{name}: exit code {done.returncode}, edge_attr is not mentioned")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok edge_attr is mentioned")
sys.exit(bool(bad))
