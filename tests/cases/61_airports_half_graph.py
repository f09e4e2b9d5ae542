"""A user trains on airports-usa, whose file lists each flight once and which struc2vec reads as an undirected graph.
graphkit kept one direction, so that messages went along half of the edges.
Right: the graph has the reverse of every edge.
"""

import os
import pathlib
import sys

from graphkit.data import load

bad, num_read = [], 0
root = pathlib.Path(os.environ.get("GRAPHKIT_DATA", "nowhere"))
for name in ("usa", "europe"):
    if not (root / "Airports" / name / "raw").exists():
        continue
    num_read += 1
    edges = set(map(tuple, load(f"airports-{name}").graphs[0].edge_index.t().tolist()))
    lonely = sum((b, a) not in edges for a, b in edges)
    if lonely:
        bad.append(f"airports-{name}: {lonely} of {len(edges)} edges have no reverse")
if not num_read:
    print("skip: GRAPHKIT_DATA has no Airports")
    sys.exit(0)
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok every edge has its reverse")
sys.exit(bool(bad))
