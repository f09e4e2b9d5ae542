"""Reader of folders of graph files, with the targets in ``labels.csv``."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphkit.data.dataset import GraphDataset
from graphkit.data.user.array_checks import shown
from graphkit.data.user.build_dataset import attributes_of
from graphkit.data.user.csv_folder import read_csv_folder
from graphkit.data.user.encoder import FeatureOptions
from graphkit.data.user.fields import Fields
from graphkit.data.user.graphml import FORMATS, read_graphml
from graphkit.data.user.graphs import GRAPH_FILE, dataset_of_graphs
from graphkit.data.user.npz import load_arrays, read_npz
from graphkit.data.user.pt import SUFFIXES as PT_SUFFIXES
from graphkit.data.user.pt import read_items
from graphkit.data.user.table_targets import targets_of_table
from graphkit.data.user.tables import Table, table_path
from graphkit.data.user.targets import TargetOptions, Targets, one_of_defaults
from graphkit.data.user.unread import unread
from graphkit.errors import InputError

#: Suffixes of graph files.
SUFFIXES = (*FORMATS, ".npz", *PT_SUFFIXES)
#: Columns of ``labels.csv`` besides the targets.
SPECIAL = ("file", "split", "time")
#: Suffixes of the clips in a folder of clips.
_CLIPS = re.compile(rb"\.(?:npy|csv|json|skeleton)\b", re.IGNORECASE)


def holds_graphs(path: Path) -> bool:
    """Returns whether a path is a folder of graph files."""
    if not path.is_dir() or any(table_path(path, name).is_file() for name in ("edges", "nodes")):
        return False
    labels = table_path(path, "labels")
    if labels.is_file():
        with labels.open("rb") as file:
            if _CLIPS.search(file.read(2**16)):
                return False
    return any(map(is_graph, path.iterdir()))


def read_fields(path: Path, ignored: frozenset[str], options: TargetOptions) -> Fields:
    """Reads a file with one graph, or a folder with its two tables.

    Args:
        path (Path): The file or folder.
        ignored (set[str]): Columns, arrays or attributes to ignore.
        options (TargetOptions): Selection of the targets.

    Raises:
        InputError: If the format is unknown, or the content is invalid.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return read_csv_folder(path, ignored, options)
    if suffix == ".npz":
        return read_npz(path, ignored, options)
    if suffix in FORMATS:
        return read_graphml(path, ignored, options)
    raise unread(path)


def read_graph_folder(
    folder: Path,
    ignored: frozenset[str],
    options: TargetOptions,
    use_split: bool,
    features: FeatureOptions,
    directed: bool | None,
) -> GraphDataset:
    """Reads a folder of graph files, each a graph with the file name as id.

    The columns ``file``, ``split``, ``time`` and the targets of ``labels.csv`` are read. The table may be absent for
    new data, and for graphs that contain their targets.

    Args:
        folder (Path): The folder.
        ignored (set[str]): Columns, arrays or attributes to ignore.
        options (TargetOptions): Selection of the targets.
        use_split (bool): Reads the split of the table.
        features (FeatureOptions): Options of the features.
        directed (bool, optional): Direction of edges; ``None`` for that of the file, or undirected.

    Raises:
        InputError: If a file is missing, or its content is invalid.
    """
    files = sorted(path.name for path in folder.iterdir() if is_graph(path))
    path = table_path(folder, "labels")
    table = Table(path, ignored) if path.is_file() else None
    names, notes, split = files, list[str](), dict[str, list[str]]()
    targets = None
    if table is not None:
        table.adopt(*SPECIAL)
        listed = _listed(table, files)
        rest = [name for name in files if name not in set(listed)]
        if rest and options.required:
            notes = [f"'{path}' does not list {len(rest)} of the graphs, such as '{shown(rest[0])}': they are not used"]
        names = listed if options.required else [*listed, *rest]
        targets = _targets(table, options, len(names), ignored)
        split = {key: table.text(key) for key in ("split", "time") if key in table.columns and key not in ignored}
        notes = [*table.notes, *notes]
    graphs = [{**_read(folder / name, directed), GRAPH_FILE: name, "id": name} for name in names]
    for key, cells in split.items():
        for graph, cell in zip(graphs, cells, strict=False):
            graph[key] = int(cell) if key == "time" and re.fullmatch(r"-?\d{1,18}", cell) else cell
    dataset = dataset_of_graphs(folder, graphs, ignored, options, use_split, features, directed, targets)
    return dataset.replace(notes=(*notes, *dataset.notes))


def is_graph(path: Path) -> bool:
    """Returns whether a path is that of a graph file, or of a folder of two tables."""
    if path.name.startswith("."):
        return False
    return path.suffix.lower() in SUFFIXES if path.is_file() else (path / "edges.csv").is_file()


def _listed(table: Table, files: list[str]) -> list[str]:
    """Returns the names of the files in the table, in which suffixes may be absent.

    Raises:
        InputError: If a file does not exist, or is there twice.
    """
    stems: dict[str, list[str]] = {}
    for name in files:
        stems.setdefault(Path(name).stem, []).append(name)
    first: dict[str, int] = {}
    for row, cell in enumerate(table.require("file")):
        names = [cell] if cell in files else stems.get(cell, [])
        if len(names) != 1:
            got = f"{names[0]} and {names[1]}" if names else "none"
            raise InputError(
                f"{table.locate(row, 'file')} must name a graph in the folder (got '{shown(cell)}': {got}); "
                "correct the name"
            )
        if first.setdefault(names[0], row) != row:
            line = table.lines[first[names[0]]]
            raise InputError(f"{table.locate(row, 'file')} '{shown(cell)}' is already in line {line}; remove one")
    if not first:
        raise InputError(f"'{table.path}' lists no graph; write one line for each below the header")
    return list(first)


def _targets(table: Table, options: TargetOptions, count: int, ignored: frozenset[str]) -> Targets | None:
    """Returns the encoded targets of the table, or ``None`` if it has none.

    Raises:
        InputError: If some targets are missing, or one is invalid.
    """
    available = [name for name in table.columns if name not in (*SPECIAL, *ignored)]
    one_of_defaults(available, options, f"'{table.path}'")
    columns = options.columns(available)
    if not any(columns.values()):
        return None
    if options.required:
        for name, column in columns.items():
            table.require(column or name)
    rows = [*range(len(table.rows)), *[None] * (count - len(table.rows))]
    return targets_of_table(table, columns, options, "graph", rows)


def _read(path: Path, directed: bool | None) -> dict[str, Any]:
    """Returns a graph in the form of one of several.

    Raises:
        InputError: If the file is damaged, or does not contain one graph.
    """
    if path.suffix.lower() == ".npz":
        return dict(load_arrays(path))
    if path.suffix.lower() in PT_SUFFIXES:
        items, _ = read_items(path)
        if len(items) > 1:
            raise InputError(f"'{path}' must hold one graph, as a file of several (got {len(items)}); give it alone")
        return items[0]
    return attributes_of(read_fields(path, frozenset(), replace(TargetOptions(), unlabeled=True)), directed)
