"""A user of the command line reads a hint on how to leave a column, an array or an attribute out.
graphkit printed `ignore=city`, which the command line does not take.
Right: the hint is an option that works as printed: --set data.ignore=city.
"""

import pathlib
import subprocess
import sys
import tempfile

import networkx
import numpy as np

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)


path = folder / "g"
path.mkdir()
(path / "edges.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 20}\n" for i in range(20)))
(path / "nodes.csv").write_text("id,label,city,f\n" + "".join(f"{i},c{i % 2},City {i},{i}\n" for i in range(20)))
nodes = np.arange(9)
np.savez(folder / "g.npz", edge_index=np.stack([nodes, nodes[::-1]]), x=np.ones((9, 1)), y=nodes % 3, city=nodes)
graph = networkx.path_graph(20)
for i in graph:
    graph.nodes[i].update(label=f"c{i % 2}", city=f"City {i}", f=float(i))
networkx.write_graphml(graph, folder / "g.graphml")
bad = []
for name in ("g", "g.npz", "g.graphml"):
    error = graphkit("train", "--model", "gcn", "--dataset", name, "--epochs", "2", "--quiet").stderr.strip()
    if "--set data.ignore=city" not in error:
        bad.append(f"{name}: {error[-70:]!r}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok hints are whole options")
sys.exit(bool(bad))
