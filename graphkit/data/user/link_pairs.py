"""Reader of pairs of nodes whose links are to be scored."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.data.user.array_checks import shown
from graphkit.data.user.tables import SUFFIXES, Table
from graphkit.errors import InputError, InputTypeError

#: Columns of the two nodes of a pair.
ENDS = ("source", "target")


def read_pairs(data: Any, num_nodes: int, node_names: Sequence[str] = ()) -> tuple[Tensor, tuple[str, ...]]:
    """Reads pairs of nodes from a table, or from memory.

    Args:
        data (str, Path or object): Path of a table with the columns ``source`` and ``target``; a pandas frame with
            these columns; or a list or an array ``[P, 2]`` of pairs.
        num_nodes (int): Number of nodes of the graph.
        node_names (tuple[str, ...], optional): Ids of the nodes; their numbers from 0 if empty. (default: ``()``)

    Returns:
        Pairs ``[2, P]``, and notes about how the table was read.

    Raises:
        InputError: If a node does not exist, or there is no pair.
        FileNotFoundError: If the file does not exist.

    Example:
        >>> read_pairs([(0, 2), (1, 2)], num_nodes=3)[0]
        tensor([[0, 1],
                [2, 2]])
    """
    number = {name: index for index, name in enumerate(node_names or map(str, range(num_nodes)))}
    notes: tuple[str, ...] = ()
    if isinstance(data, str | os.PathLike):
        path = Path(data).expanduser()
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(
                f"expected a table of pairs ({' or '.join(SUFFIXES)}), got '{path}'; name source and target"
            )
        if not path.is_file():
            raise FileNotFoundError(f"there is no file '{path}'; give a table of pairs")
        table = Table(path)
        table.adopt(*ENDS)
        columns = [table.require(name) for name in ENDS]
        notes = tuple(table.notes)
    elif hasattr(data, "columns"):
        absent = [name for name in ENDS if name not in data.columns]
        if absent:
            raise InputError(f"expected a frame with the columns source and target, got no '{absent[0]}'; rename one")
        columns = [[str(cell) for cell in data[name].tolist()] for name in ENDS]
    else:
        rows = data.tolist() if hasattr(data, "tolist") else data
        if not isinstance(rows, list | tuple) or any(
            not isinstance(row, list | tuple) or len(row) != 2 for row in rows
        ):
            raise InputTypeError(f"expected pairs of nodes [P, 2], got {shown(data)}; give a list of (source, target)")
        columns = [[str(row[end]) for row in rows] for end in (0, 1)]
    if not columns[0]:
        raise InputError("expected pairs of nodes, got none; give at least one")
    for row, cells in enumerate(zip(*columns, strict=True)):
        for end, cell in zip(ENDS, cells, strict=True):
            if cell not in number:
                where = table.locate(row, end) if isinstance(data, str | os.PathLike) else f"pair {row}, {end}:"
                raise InputError(f"{where} there is no node '{shown(cell)}' in the graph of the run; correct the id")
    return torch.tensor([[number[cell] for cell in column] for column in columns]), notes
