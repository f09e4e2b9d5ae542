"""A user loads Texas from raw files in which a test node is a training node too.
graphkit trained on it without a word.
Right: a ValueError that names the split, as for a user's own file.
"""

import os
import pathlib
import sys
import tempfile

import numpy as np

from graphkit.data import load

root = pathlib.Path(os.environ.get("GRAPHKIT_DATA", "nowhere"))
if not (root / "WebKB/texas/raw/out1_graph_edges.txt").exists():
    print("skip: GRAPHKIT_DATA has no WebKB/texas/raw/out1_graph_edges.txt")
    sys.exit(0)
temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
os.environ["GRAPHKIT_CACHE"] = str(folder / "cache")
raw = folder / "root" / "WebKB" / "texas" / "raw"
raw.mkdir(parents=True)
for path in (root / "WebKB" / "texas" / "raw").iterdir():
    (raw / path.name).symlink_to(path)
path = raw / "texas_split_0.6_0.2_0.npz"
masks = dict(np.load(path))
path.unlink()
masks["test_mask"] = masks["test_mask"] | masks["train_mask"]
np.savez(path, **masks)
bad = []
try:
    split = load("texas", root=folder / "root").splits[0]
    both = set(split.train.tolist()) & set(split.test.tolist())
    bad.append(f"accepted: {len(both)} nodes are in the training and in the test part")
except ValueError:
    pass
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok an overlap is refused")
sys.exit(bool(bad))
