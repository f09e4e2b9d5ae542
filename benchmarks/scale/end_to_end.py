"""Time of ``graphkit train`` from start to end, against a plain script of PyG and an earlier version of the package.

    python benchmarks/scale/end_to_end.py --root FOLDER                  # FOLDER: raw files of Cora and PROTEINS of PyG
    python benchmarks/scale/end_to_end.py --before CHECKOUT --rounds 3   # CHECKOUT: folder of an earlier version

Every run is a process of its own on one thread, the programs in turn; medians. Seconds are those of a processor
(imports, data, training, validation, report), which other processes hardly change; of a clock in parentheses. The
script of PyG (``benchmarks/models/plain_pyg.py``) has the same layers, epochs, optimizer and validations, and writes
nothing.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = {
    "cora, gcn, 200 epochs": ("gcn", "cora", 200, ()),
    "cora, gat, 200 epochs": ("gat", "cora", 200, ("--set", "model.out_heads=8")),
    "100,000 nodes, gcn, 20 epochs": ("gcn", "graph", 20, ()),
    "100,000 nodes, gat, 5 epochs": ("gat", "graph", 5, ("--set", "model.attention_dropout=0.75")),
    "proteins, gin, one fold, 20 epochs": ("gin", "proteins", 20, ("--set", "data.fold=0")),
    "nw-ucla, stigcn, 1 epoch": ("stigcn", "nw-ucla", 1, ("--set", "train.warmup=0")),
}
PLAIN = Path(__file__).parents[1] / "models" / "plain_pyg.py"
#: A graph of the size of a case, as a file that both programs read.
GRAPH = """
import sys, torch
from graphkit.data import load
from torch_geometric.data import Data
d = load("sbm-2m", num_nodes=100_000, num_edges=500_000)
g, s = d.graphs[0], d.splits[0]
none = torch.zeros(100_000, dtype=torch.bool)
masks = {f"{n}_mask": none.index_fill(0, getattr(s, n), True) for n in ("train", "val", "test")}
edges = g.edge_index.as_tensor().long()
torch.save(Data(x=g.x[torch.arange(100_000)], edge_index=edges, y=g.y.long(), **masks), sys.argv[1])
"""


def seconds(command: list[str], path: str | None) -> tuple[float, float]:
    """Returns the seconds of a processor and of a clock that a command takes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": path} if path else {})
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, time.perf_counter() - begin


def main() -> None:
    """Prints one row for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", default="data", help="folder of PyG's data sets, for the plain script")
    parser.add_argument("--before", help="checkout of an earlier version, with its native library")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.pt"
        if any(CASES[case][1] == "graph" for case in options.cases):
            subprocess.run([sys.executable, "-c", GRAPH, str(graph)], check=True)
        for case in options.cases:
            model, data, epochs, extra = CASES[case]
            data = str(graph) if data == "graph" else data
            train = ["-m", "graphkit", "train", "--quiet", "--model", model, "--dataset", data, "--epochs", str(epochs)]
            programs = {"graphkit": (train, None)}
            if options.before:
                programs["before"] = (train, options.before)
            if model != "stigcn":
                plain = [str(PLAIN), model, data, str(epochs), "--root", options.root]
                programs["plain PyG"] = (plain, None)
            figures: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
            for turn in range(options.rounds):
                for name, (command, path) in programs.items():
                    run = [*extra, "--output", f"{folder}/{case}-{name}-{turn}"] if name != "plain PyG" else []
                    figures[name].append(seconds([sys.executable, *command, *run], path))
            texts = []
            for name, rows in figures.items():
                used, clock = (statistics.median(values) for values in zip(*rows, strict=True))
                texts.append(f"{name} {used:.1f} s ({clock:.1f})")
            print(case, *texts, sep="; ", flush=True)


if __name__ == "__main__":
    main()
