"""Reader of graphs in two tables, ``edges.csv`` and ``nodes.csv``."""

from pathlib import Path

import torch

from graphkit.data.labels import classes_of_words
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import Fields, masks_from_words
from graphkit.data.user.tables import Table
from graphkit.errors import InputError

MULTILABEL = "label:"  # prefix of the columns of a multi-label task


def read_csv_folder(folder: Path, label: str, ignored: frozenset[str]) -> Fields:
    """Reads a folder of tables.

    Args:
        folder (Path): The folder.
        label (str): Name of the class column.
        ignored (set[str]): Columns to ignore.

    Raises:
        FileNotFoundError: If a table is missing.
        InputError: If the content is invalid.
    """
    edges, nodes = Table(folder / "edges.csv", ignored), Table(folder / "nodes.csv", ignored)
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
    many = [name for name in nodes.columns if name.startswith(MULTILABEL)]
    if many:
        y, class_names = _many_labels(nodes, many), tuple(name.removeprefix(MULTILABEL) for name in many)
    else:
        y, class_names = classes_of_words(nodes.require(label), lambda row: nodes.locate(row, label))
    special = {"id", label, "split", *many, *ignored}
    features = [name for name in nodes.columns if name not in special]
    x = torch.tensor(nodes.numbers(features), dtype=torch.float).view(len(ids), len(features)) if features else None
    edge_index = _edges(edges, number, nodes.path)
    edges.only(("source", "target", "weight"))
    weighted = "weight" in edges.columns and "weight" not in ignored
    weight = torch.tensor(edges.numbers(["weight"]), dtype=torch.float).view(-1) if weighted else None
    masks = None
    if "split" in nodes.columns and "split" not in ignored:
        masks = masks_from_words(nodes.text("split"), where, locate=lambda row: nodes.locate(row, "split"))
    return Fields(where, len(ids), edge_index, x, y, class_names, masks, weight, tuple(ids))


def _edges(edges: Table, number: dict[str, int], nodes: Path) -> torch.Tensor:
    columns = []
    for name in ("source", "target"):
        column = []
        for cell, line in zip(edges.require(name), edges.lines, strict=True):
            if cell not in number:
                raise InputError(
                    f"'{edges.path}', line {line}, column '{name}': there is no node '{shown(cell)}' in "
                    f"'{nodes.name}'; add it there, or correct the id"
                )
            column.append(number[cell])
        columns.append(column)
    return torch.tensor(columns, dtype=torch.long)


def _many_labels(nodes: Table, names: list[str]) -> torch.Tensor:
    rows = nodes.numbers(names, unknown=float("nan"))
    for row, line in zip(rows, nodes.lines, strict=True):
        for name, value in zip(names, row, strict=True):
            if value not in (0.0, 1.0) and value == value:
                raise InputError(
                    f"'{nodes.path}', line {line}, column '{name}': must be 0, 1 or empty (got {value:g}); correct it"
                )
    return torch.tensor(rows, dtype=torch.float)
