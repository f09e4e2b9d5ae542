"""A user marks nodes without a label by -1, as graphkit's own folder of arrays does.
graphkit took -1 for a class in nodes.csv, refused it in .npz and .pt, and read it as `no label` in a folder.
Right: one rule in every format: -1 is no label, or -1 is refused.
"""

import pathlib
import sys
import tempfile

import numpy as np
import torch

from graphkit.data import load, write_folder

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
nodes = np.arange(60)
y = np.where(nodes % 5 == 4, -1, nodes % 3)
edges, x = np.stack([nodes, (nodes + 1) % 60]), np.random.default_rng(0).normal(size=(60, 2)).astype("f4")
masks = {
    f"{split_name}_mask": (y >= 0) & (nodes // 3 % 3 == k) for k, split_name in enumerate(("train", "val", "test"))
}
(folder / "csv").mkdir()
(folder / "csv" / "edges.csv").write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in edges.T))
(folder / "csv" / "nodes.csv").write_text("id,label,f\n" + "".join(f"{i},{y[i]},{x[i, 0]}\n" for i in nodes))
np.savez(folder / "g.npz", edge_index=edges, x=x, y=y, **masks)
torch.save({"x": torch.tensor(x), "y": torch.tensor(y), "edge_index": torch.tensor(edges)}, folder / "g.pt")
write_folder(folder / "arrays", x=x, edge_index=edges, y=y, **masks)
rules = {}
for name in ("csv", "g.npz", "g.pt", "arrays"):
    try:
        dataset = load(str(folder / name))
        rules[name] = "no label" if dataset.num_outputs == 3 else "a class"
    except ValueError:
        rules[name] = "refused"
bad = []
if "a class" in rules.values() or len(set(rules.values())) > 1:
    bad.append("label -1: " + ", ".join(f"{rule} in {name}" for name, rule in rules.items()))
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok one rule for -1")
sys.exit(bool(bad))
