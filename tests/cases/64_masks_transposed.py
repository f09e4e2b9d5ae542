"""A user saves ten splits as masks of the shape [S, N], as several published files hold them.
graphkit said that the mask must have the shape [N] or [N, K] and not that it must be transposed.
Right: the error says to transpose the mask (or the file is read).
"""

import pathlib
import sys
import tempfile

import numpy as np

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
nodes = np.arange(60)
masks = {
    f"{split_name}_mask": np.stack([(nodes + s) % 3 == k for s in range(10)])
    for k, split_name in enumerate(("train", "val", "test"))
}
edges = np.stack([nodes, (nodes + 1) % 60])
np.savez(folder / "g.npz", edge_index=edges, x=np.ones((60, 2)), y=nodes // 7 % 3, **masks)
bad = []
try:
    count = len(load(str(folder / "g.npz")).splits)
    if count != 10:
        bad.append(f"read as {count} splits")
except ValueError as error:
    if "transpose" not in str(error):
        bad.append(f"no hint to transpose: {str(error)[-100:]!r}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok transposed masks are explained")
sys.exit(bool(bad))
