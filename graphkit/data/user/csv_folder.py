"""Reader of graphs in two tables, ``edges.csv`` and ``nodes.csv``."""

from dataclasses import replace
from pathlib import Path

import torch

from graphkit.data.user.array_checks import shown
from graphkit.data.user.encoder import Columns
from graphkit.data.user.fields import Fields, absent_note, masks_from_words
from graphkit.data.user.table_targets import targets_of_table
from graphkit.data.user.tables import Table, table_path
from graphkit.data.user.targets import DEFAULTS, TargetOptions, missing, one_of_defaults
from graphkit.errors import InputError

#: Columns of the ends of an edge.
ENDS = ("source", "target")


def read_csv_folder(folder: Path, ignored: frozenset[str], options: TargetOptions) -> Fields:
    """Reads a folder of tables.

    Args:
        folder (Path): The folder.
        ignored (set[str]): Columns to ignore.
        options (TargetOptions): Selection of the targets.

    Raises:
        FileNotFoundError: If a table is missing.
        InputError: If the content is invalid.
    """
    edges = Table(table_path(folder, "edges"), ignored)
    edges.adopt("source", "target", "weight")
    directed = _directed(edges) if "Type" in edges.leave_out_gephi("source", "target", "weight") else None
    path = table_path(folder, "nodes")
    if options.like is not None and not path.is_file():
        return replace(_without_nodes(edges, options), directed=directed)
    nodes = Table(path, ignored)
    written = {*nodes.columns, *edges.columns, *edges.originals}
    nodes.adopt("id", "split", *(options.names or DEFAULTS[:1]))
    nodes.use_row_names("id")
    nodes.leave_out_gephi("id", *(options.names or DEFAULTS))
    absent = absent_note(f"'{folder}'", ignored - written - set(nodes.columns), options.like is not None)
    ignored = nodes.ignored
    where, ids = f"'{nodes.path}'", nodes.require("id")
    if not ids:
        raise InputError(f"'{nodes.path}' has no node; write one line for each below the header")
    number: dict[str, int] = {}
    for position, (name, line) in enumerate(zip(ids, nodes.lines, strict=True)):
        if not name:
            raise InputError(f"'{nodes.path}', line {line}, column 'id': must not be empty; give the node an id")
        if number.setdefault(name, position) != position:
            first, name = nodes.lines[number[name]], shown(name)
            raise InputError(f"'{nodes.path}', line {line}: the id '{name}' is already in line {first}; remove one")
    columns = _target_columns(nodes, ignored, options)
    special = {"id", "split", *columns.values(), *ignored}
    names = tuple(name for name in nodes.columns if name not in special)
    features = Columns(names, tuple(map(nodes.text, names)), where, nodes.locate, ignored)
    edge_index, weight = _edges(edges, number, nodes.path)
    masks = None
    if "split" in nodes.columns and "split" not in ignored:
        masks = masks_from_words(nodes.text("split"), where, locate=lambda row: nodes.locate(row, "split"))
    targets = targets_of_table(nodes, columns, options, "node")
    return Fields(
        where=where,
        num_nodes=len(ids),
        edge_index=edge_index,
        x=None,
        targets=targets,
        masks=masks,
        edge_weight=weight,
        node_names=tuple(ids),
        directed=directed,
        columns=features,
        notes=(*nodes.notes, *edges.notes, *absent),
    )


def _without_nodes(edges: Table, options: TargetOptions) -> Fields:
    """Returns a new graph whose nodes are those of its edges."""
    where = f"'{edges.path}'"
    ids = list(dict.fromkeys(cell for pair in zip(*map(edges.require, ENDS), strict=True) for cell in pair))
    edge_index, weight = _edges(edges, {name: position for position, name in enumerate(ids)}, edges.path)
    return Fields(
        where=where,
        num_nodes=len(ids),
        edge_index=edge_index,
        x=None,
        targets=missing(options, len(ids)),
        edge_weight=weight,
        node_names=tuple(ids),
        notes=tuple(edges.notes),
    )


def _edges(edges: Table, number: dict[str, int], nodes: Path) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Returns the edges and their weights, if present.

    Raises:
        InputError: If a node does not exist, a weight is not a number, or there is an unknown column.
    """
    columns: list[list[int]] = []
    integers: dict[str, int] | None = None
    for name in ENDS:
        column = []
        for row, cell in enumerate(edges.require(name)):
            node = number.get(cell)
            if node is None:
                integers = _whole_numbers(number) if integers is None else integers
                node = integers.get(_integer(cell))
            if not cell:
                raise InputError(f"{edges.locate(row, name)} must not be empty; give the id of a node")
            if node is None:
                raise InputError(
                    f"{edges.locate(row, name)} there is no node '{shown(cell)}' in '{nodes.name}'; add it there, or "
                    "correct the id"
                )
            column.append(node)
        columns.append(column)
    edges.only((*ENDS, "weight"))
    weighted = "weight" in edges.columns and "weight" not in edges.ignored
    weight = torch.tensor(edges.numbers(["weight"]), dtype=torch.float).view(-1) if weighted else None
    return torch.tensor(columns, dtype=torch.long), weight


def _directed(edges: Table) -> bool | None:
    """Returns the direction in Gephi's column ``Type``, ``None`` if mixed."""
    kinds = set(map(str.lower, edges.require("Type")))
    return kinds == {"directed"} if len(kinds) == 1 else None


def _integer(cell: str) -> str:
    """Returns an integer without its decimal point, such as ``1`` for ``1.0``."""
    integer, point, zeros = cell.partition(".")
    return integer if point and integer.isdecimal() and not zeros.strip("0") else cell


def _whole_numbers(number: dict[str, int]) -> dict[str, int]:
    """Returns the nodes by id without ``.0``; empty if two ids are then equal."""
    plain = {_integer(name): position for name, position in number.items()}
    return plain if len(plain) == len(number) else {}


def _target_columns(nodes: Table, ignored: frozenset[str], options: TargetOptions) -> dict[str, str | None]:
    """Returns the column of each output, see :meth:`TargetOptions.columns`.

    Raises:
        InputError: If a column is missing, or it is unclear which one is the target.
    """
    available = [name for name in nodes.columns if name not in ignored]
    one_of_defaults(available, options, f"'{nodes.path}'")
    columns = options.columns(available)
    if options.required:
        for name in columns or ["label"]:
            if name in ignored:
                raise InputError(f"'{nodes.path}': the target '{shown(name)}' is in data.ignore; take it out")
            if columns.get(name) is None:
                nodes.require(name, "add it, or name another: --set data.target=NAME, in Python target='NAME'")
    return columns
