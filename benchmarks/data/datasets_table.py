"""Table of the named data sets: sizes, direction, duplicates, self loops and missing labels, from their raw files.

Run it with ``GRAPHKIT_DATA=DIR python benchmarks/data/datasets_table.py``: it prints the rows of
``docs/datasets.md`` for the data sets that are at hand (molecules need rdkit). "Stored" is what the raw files list,
"used" what ``graphkit.data.load`` returns. With ``--sources`` it prints the table of ``docs/dataset_sources.md``.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch

from graphkit.data import GraphCollection, GraphDataset, describe_dataset, list_datasets, load
from graphkit.data.datasets.heterophilous import TASKS as HETEROPHILOUS
from graphkit.data.edges import plain_edge_index
from graphkit.data.loading import resolve_root
from graphkit.data.raw_tables import read_npz, read_table
from graphkit.data.unpickle import read_pickle
from graphkit.registry import dataset_names, get_dataset

GENERATED = ("karate", "sbm-continual", "path-signal", "sbm-multilabel", "factor-graphs")
HEADER = (
    "data set", "graphs", "nodes", "edges stored", "edges used", "direction as stored", "as used", "duplicates",
    "self loops stored", "used", "without a label", "reference and split",
)  # fmt: skip


def stored_edges(name: str, root: Path) -> np.ndarray | None:
    """Returns the edges ``[E, 2]`` as the raw files list them; nothing where they list none."""
    source = get_dataset(name).source
    raw = root / source.folder / source.raw
    if source.folder == "Planetoid":
        graph = read_pickle(raw / f"ind.{name}.graph")
        return np.array([(node, neighbor) for node, neighbors in graph.items() for neighbor in neighbors])
    if source.folder in ("WebKB", "Actor"):
        return read_table(raw / "out1_graph_edges.txt", 2, "\t", header=1)
    if source.folder in ("Airports", "EmailEUCore"):
        return read_table(raw / source.files[0], 2)
    if name in HETEROPHILOUS:
        return read_npz(raw / source.files[0], "edges")[0]
    if source.folder == "TUDataset":
        return read_table(raw / source.files[0], 2, ",")
    return None


def used_edges(dataset: GraphDataset) -> tuple[int, np.ndarray]:
    """Returns the number of nodes and the edges ``[E, 2]`` of all graphs together."""
    union = dataset.graphs.union() if isinstance(dataset.graphs, GraphCollection) else dataset.graphs[0]
    return int(union.num_nodes), plain_edge_index(union.edge_index).t().numpy()


def facts(edges: np.ndarray) -> tuple[str, int, int]:
    """Returns how many edges have their reverse, the number of duplicates and that of self loops."""
    low = int(edges.min(initial=0))
    size = int(edges.max(initial=0)) - low + 1
    key = np.unique((edges[:, 0] - low) * size + edges[:, 1] - low)
    source, target = key // size, key % size
    between = source != target
    both = int(np.isin(target[between] * size + source[between], key).sum())
    share = both / max(int(between.sum()), 1)
    words = {0.0: "each pair once", 1.0: "both ways"}
    return (
        words.get(share, f"{100 * share:.0f} % both ways"),
        len(edges) - key.size,
        int((edges[:, 0] == edges[:, 1]).sum()),
    )


def missing_labels(dataset: GraphDataset) -> str:
    """Returns how many nodes or graphs have no label, or how many entries of a label matrix are absent."""
    graphs = dataset.graphs
    if isinstance(graphs, GraphCollection):
        y = graphs.node["y"] if dataset.level == "node" else graphs.graph["y"]
    else:
        y = graphs[0].y
    missing = torch.isnan(y) if y.is_floating_point() else y < 0
    return f"{int(missing.sum()):,}" + (f" of {y.numel():,}" if y.dim() > 1 and bool(missing.any()) else "")


def row(name: str, root: Path | None) -> str:
    """Returns the row of a data set."""
    dataset = load(name, root)
    num_nodes, used = used_edges(dataset)
    stored = stored_edges(name, root) if root is not None and name not in GENERATED else None
    direction, duplicates, loops = facts(stored) if stored is not None else ("–", "–", "–")
    used_direction, repeated, used_loops = facts(used) if len(used) else ("no edges", 0, 0)
    assert repeated == 0, f"{name} has duplicate edges"
    cells = (
        f"`{name}`", f"{len(dataset.graphs):,}", f"{num_nodes:,}", "–" if stored is None else f"{len(stored):,}",
        f"{len(used):,}", direction, used_direction, duplicates, loops, used_loops, missing_labels(dataset),
        dataset.citation,
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def at_hand(root: Path | None) -> list[str]:
    """Returns the names of the data sets that can be read here, but for clips and large generated graphs."""
    names = [
        entry.name for entry in list_datasets(root)
        if entry.available and get_dataset(entry.name).source.files and not entry.task.startswith("skeleton")
    ]  # fmt: skip
    molecules = importlib.util.find_spec("rdkit") is not None
    names = [name for name in names if molecules or get_dataset(name).source.folder != "MoleculeNet"]
    return [*(name for name in names if name not in ("pattern",)), *GENERATED]


def source_rows() -> list[str]:
    """Returns the rows of all data sets that are not generated: address, license, citation, size and checksums."""
    rows = ["| data set | license | citation | size | SHA-256 | address |", "|" + "---|" * 6]
    for name in dataset_names():
        facts = describe_dataset(name)
        if facts["license"] is None:
            continue
        size = "–" if facts["bytes"] is None else f"{facts['bytes'] / 1e6:,.2f} MB"
        count = len(facts["sha256"])
        address = facts["address"]
        address = f"<{address}>" if address.startswith("https://") and " " not in address else address
        cells = (f"`{name}`", facts["license"], facts["citation"], size, _files(count), address)
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _files(count: int) -> str:
    return "–" if not count else "1 file" if count == 1 else f"{count} files"


def main() -> None:
    """Prints the table."""
    if "--sources" in sys.argv[1:]:
        print("\n".join(source_rows()))
        return
    root = resolve_root(None)
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    for name in at_hand(root):
        print(row(name, root))


if __name__ == "__main__":
    main()
