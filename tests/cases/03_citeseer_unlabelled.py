"""A user draws a new split of CiteSeer, 15 of whose 3327 nodes have no label (rows of zeros in the raw label matrix).
graphkit gave them class 0 and put them into the drawn parts.
Right: nodes without a label are in no part of a drawn split (planetoid issue 10, PyTorch Geometric issue 1700).
"""

import os
import pathlib
import sys

from graphkit.data import load

root = pathlib.Path(os.environ.get("GRAPHKIT_DATA", "nowhere"))
if not (root / "Planetoid/CiteSeer/raw/ind.citeseer.test.index").exists():
    print("skip: GRAPHKIT_DATA has no Planetoid/CiteSeer/raw/ind.citeseer.test.index")
    sys.exit(0)
order = [int(line) for line in (root / "Planetoid/CiteSeer/raw/ind.citeseer.test.index").read_text().split()]
unlabeled = set(range(min(order), max(order) + 1)) - set(order)
bad = []
if len(unlabeled) != 15:
    bad.append(f"the raw files have {len(unlabeled)} unlabeled nodes, not 15")
for seed in (0, 1):
    split = load("citeseer", split="0.6,0.2,0.2", split_seed=seed).splits[0]
    for split_name in ("train", "val", "test"):
        inside = unlabeled & set(getattr(split, split_name).tolist())
        if inside:
            bad.append(f"seed {seed}: {len(inside)} unlabeled nodes in the {split_name} part")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok no unlabeled node is in a drawn split")
sys.exit(bool(bad))
