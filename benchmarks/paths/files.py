"""Processor time and memory of paths in files: written block by block, and read batch by batch.

Run it with ``python benchmarks/paths/files.py [--nodes 200000 --edges 1000000] [--json FILE]``: it generates a
graph, and measures all paths of one and two hops in a process of its own each time, with one thread. Memory is the
peak of a process; the part of it that maps files can be given back at any time.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from graphkit.data import load
from graphkit.experiments import write_paths
from graphkit.ops import shortest_paths
from graphkit.sampling import ShortestPathLoader

BATCH = 1024


def memory(kind: str) -> float:
    """Returns a line of what Linux says of the memory of this process, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"this system does not say {kind}")


def graph(nodes: int, edges: int) -> Any:
    torch.set_num_threads(1)
    return load("sbm-200k", num_nodes=nodes, num_edges=edges).graphs[0]


def generating(data: Any) -> int:
    return 0


def in_memory(data: Any) -> int:
    paths, _ = shortest_paths(data.edge_index, None, 2, num_nodes=data.num_nodes, self_paths=True)
    return sum(path_index.size(1) for path_index in paths)


def written(folder: str, block: int) -> Callable[[Any], int]:
    return lambda data: sum(write_paths(data, folder, block=block)["paths"])


def batches(folder: str | None, seeds: int) -> Callable[[Any], int]:
    def go_through(data: Any) -> int:
        nodes = torch.randperm(data.num_nodes, generator=torch.Generator().manual_seed(0))[:seeds]
        loader = ShortestPathLoader(data, BATCH, ratio=None, input_nodes=nodes, paths=folder)
        return sum(batch.path_index_1.size(1) + batch.path_index_2.size(1) for batch in loader)

    return go_through


def measure(work: Callable[[Any], int], nodes: int, edges: int) -> dict[str, float]:
    """Does some work in a process of its own, and returns what it took."""
    here, there = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        data = graph(nodes, edges)
        Path("/proc/self/clear_refs").write_text("5")  # from here on, the peak is that of the work
        begin = time.process_time()
        paths = work(data)
        row = {"paths": paths, "seconds": time.process_time() - begin, "peak_mb": memory("VmHWM")}
        there.send({**row, "own_mb": memory("RssAnon"), "files_mb": memory("RssFile")})

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"a measurement ended with {process.exitcode}")
    return here.recv()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=20 * BATCH)
    parser.add_argument("--json", help="Where to write the numbers.")
    options = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        small, large = f"{folder}/small", f"{folder}/large"
        cases: dict[str, Callable[[Any], int]] = {
            "the graph alone": generating,
            "all paths at once, in memory": in_memory,
            "written, blocks of 16,384 nodes": written(small, 2**14),
            "written, blocks of 65,536 nodes": written(large, 2**16),
            "batches, paths searched": batches(None, options.seeds),
            "batches, paths read": batches(large, options.seeds),
        }
        print(f"{'':<34}{'paths':>12}{'processor s':>13}{'peak MiB':>10}{'own MiB':>9}{'files MiB':>11}")
        for name, work in cases.items():
            row = rows[name] = measure(work, options.nodes, options.edges)
            print(
                f"{name:<34}{row['paths']:>12,}{row['seconds']:>13.1f}{row['peak_mb']:>10.0f}{row['own_mb']:>9.0f}"
                f"{row['files_mb']:>11.0f}", flush=True,
            )  # fmt: skip
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
