"""Ceilings on the memory of a large graph, of readers and of path files: about 1.3 times what was measured.

A ceiling is for the growth of the resident memory of a forked child, on one thread, with the pages of mapped files that
it reads. ``python -m tests.slow.test_memory`` prints the growth of every job beside its ceiling. Linux only.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import graphkit
from graphkit.data import load, write_folder
from graphkit.experiments.write_paths import write_paths
from graphkit.sampling import PathIndex
from graphkit.skeleton import get_layout
from graphkit.skeleton.readers.folder import read_folder
from graphkit.skeleton.store import open_store, write_store
from tests.warm import run_forked

pytestmark = pytest.mark.slow

CLIPS, FRAMES = 300, 1000
NODES, EDGES = 100_000, 1_000_000
GRAPHS = 2_000


class Guard(NamedTuple):
    """Job whose memory has a ceiling.

    Args:
        write: Writes the input in an empty folder, in a child of its own.
        job: Reads the folder, or works on it.
        ceiling: Largest growth of the resident memory, in MB.
    """

    write: Callable[[Path], object]
    job: Callable[[Path], object]
    ceiling: int


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((columns, *rows))


def write_clips(folder: Path) -> None:
    """Writes clips of 25 joints as ``.npy`` files, 90 MB in all."""
    generator = np.random.default_rng(0)
    for number in range(CLIPS):
        np.save(folder / f"{number}.npy", generator.standard_normal((FRAMES, 25, 3), dtype=np.float32))
    write_table(folder / "labels.csv", ("file", "label"), [(f"{number}.npy", number % 4) for number in range(CLIPS)])


def write_csv_graph(folder: Path) -> None:
    """Writes a graph as tables of a million edges and 100,000 nodes, 20 MB."""
    generator = np.random.default_rng(0)
    write_table(folder / "edges.csv", ("source", "target"), generator.integers(NODES, size=(EDGES, 2)).tolist())
    x, labels = generator.standard_normal((NODES, 8)).round(3), generator.integers(4, size=NODES)
    rows = ((node, f"class-{labels[node]}", *x[node]) for node in range(NODES))
    write_table(folder / "nodes.csv", ("id", "label", *(f"f{column}" for column in range(8))), rows)


def write_graph_files(folder: Path) -> None:
    """Writes graphs of 100 nodes as ``.npz`` files, 36 MB in all."""
    generator = np.random.default_rng(0)
    for number in range(GRAPHS):
        edge_index = generator.integers(100, size=(2, 300))
        np.savez(folder / f"{number}.npz", x=generator.random((100, 32), dtype=np.float32), edge_index=edge_index)
    write_table(folder / "labels.csv", ("file", "label"), [(f"{number}.npz", number % 2) for number in range(GRAPHS)])


def write_arrays(folder: Path) -> None:
    """Writes a graph as a folder of arrays: 100 MB of features, 32 MB of edges in both directions."""
    generator = np.random.default_rng(0)
    edge_index = generator.integers(NODES, size=(2, EDGES))
    x = generator.standard_normal((NODES, 256), dtype=np.float32)
    write_folder(folder / "graph", x=x, edge_index=edge_index, y=generator.integers(4, size=NODES))


def write_array_paths(folder: Path) -> None:
    """Writes a graph as a folder of arrays, and its paths in files."""
    write_arrays(folder)
    store_paths(folder)


def store_clips(folder: Path) -> None:
    """Converts clips to a store, with one clip in memory at a time."""
    (folder / "store").mkdir()
    rows = [{"file": f"{number}.npy"} for number in range(CLIPS)]
    write_store(folder / "store", read_folder(folder, rows, get_layout("ntu-25"), 3))
    assert len(open_store(folder / "store")) == CLIPS


def store_paths(folder: Path) -> None:
    """Writes the paths of all nodes, block by block."""
    graph = load(folder / "graph").graphs[0]
    write_paths(graph, folder / "paths", ratio=0.5, block=2**12)


def read_paths(folder: Path) -> None:
    """Reads the paths of one node of every block."""
    index = PathIndex(folder / "paths")
    index.of(torch.arange(0, NODES, 2**12))


def read_own(folder: Path) -> None:
    """Loads a folder of tables or graph files."""
    assert load(folder).num_outputs in (2, 4)


def read_arrays(folder: Path) -> None:
    """Loads a folder of arrays, whose features stay on disk."""
    assert load(folder / "graph").mapped


def train_large(model: str) -> Callable[[Path], object]:
    """Returns a job that trains an epoch in batches of nodes on sbm-2m, which the first test of a cache generates."""
    return lambda folder: graphkit.fit(model, "sbm-2m", epochs=1, output=folder / "run")


def nothing(folder: Path) -> None:
    """Writes nothing."""


def generate_large(folder: Path) -> None:
    """Generates sbm-2m in the cache folder unless it is there."""
    load("sbm-2m")


GUARDS = {
    "sbm-2m, loading": Guard(generate_large, lambda folder: load("sbm-2m"), 490),
    "sbm-2m, epoch of gcn": Guard(generate_large, train_large("gcn"), 2550),
    "sbm-2m, epoch of spagan": Guard(generate_large, train_large("spagan"), 5100),
    "clips, 90 MB, to a store": Guard(write_clips, store_clips, 20),
    "graph in tables, 20 MB": Guard(write_csv_graph, read_own, 540),
    "graph files, 36 MB": Guard(write_graph_files, read_own, 225),
    "folder of arrays, 132 MB": Guard(write_arrays, read_arrays, 75),
    "paths to files": Guard(write_arrays, store_paths, 160),
    "paths from files": Guard(write_array_paths, read_paths, 40),
}


def growth(guard: Guard, folder: Path) -> float:
    """Returns the growth of the memory of a job in MB."""
    written = run_forked(lambda: bool([guard.write(folder)]), 1200)
    assert written.value, written
    outcome = run_forked(lambda: bool([guard.job(folder)]), 1800)
    assert outcome.value, outcome
    return outcome.memory / 2**20


@pytest.mark.parametrize("name", GUARDS)
def test_the_memory_of_a_job_stays_below_its_ceiling(name: str, tmp_path: Path) -> None:
    assert growth(GUARDS[name], tmp_path) <= GUARDS[name].ceiling


def main() -> None:
    """Prints the growth of every job."""
    torch.set_num_threads(1)
    for name, guard in GUARDS.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name:<26} {growth(guard, Path(folder)):>7.0f} MB, ceiling {guard.ceiling:>5} MB", flush=True)


if __name__ == "__main__":
    main()
