"""Comma-separated tables with a header, read so that every complaint names the file, the line and the column."""

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from graphkit.errors import InputError
from graphkit.registry import unknown_name


class Table:
    """A table of text cells.

    Args:
        path: The file; UTF-8, comma-separated, the first line names the columns.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, a column name comes twice, or a row has too many or too few cells.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no '{path.name}' in '{path.parent}'; a graph needs edges.csv and nodes.csv"
            )
        self.rows: list[list[str]] = []
        self.lines: list[int] = []
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file, strict=True)
                self.columns = [name.strip() for name in next(reader, [])]
                for row in reader:
                    if row:
                        self.rows.append([cell.strip() for cell in row])
                        self.lines.append(reader.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"'{path}' is no comma-separated UTF-8 text ({error}); write it again") from None
        if not any(self.columns):
            raise InputError(f"'{path}' is empty; its first line must name the columns")
        if len(set(self.columns)) < len(self.columns):
            twice = next(name for name in self.columns if self.columns.count(name) > 1)
            raise InputError(f"'{path}' has two columns called '{twice}'; rename one")
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) != len(self.columns):
                raise InputError(
                    f"'{path}', line {line}: {len(self.columns)} cells expected, as in the first line (got {len(row)})"
                )

    def require(self, name: str) -> list[str]:
        """Returns the cells of a column that must be there.

        Raises:
            ValueError: If it is absent.
        """
        if name in self.columns:
            return self.text(name)
        only = self.columns[0] if len(self.columns) == 1 else ""
        hint = "separate cells by commas" if ";" in only or "\t" in only else "add it, or rename a column"
        raise InputError(f"'{self.path}' has no column '{name}' (found: {', '.join(self.columns)}); {hint}")

    def text(self, name: str) -> list[str]:
        """Returns the cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, names: Iterable[str], empty: float | None = None) -> list[list[float]]:
        """Returns some columns as numbers, row by row.

        Args:
            names: The columns.
            empty: What an empty cell stands for; an error where it is ``None``.

        Raises:
            ValueError: If a cell is not a finite number.
        """
        places = [self.columns.index(name) for name in names]
        result = []
        for row, line in zip(self.rows, self.lines, strict=True):
            values = []
            for place in places:
                cell = row[place]
                if not cell and empty is not None:
                    values.append(empty)
                    continue
                try:
                    value = float(cell)
                except ValueError:
                    raise InputError(self._bad(place, line, "must be a number", cell)) from None
                if not math.isfinite(value):
                    raise InputError(self._bad(place, line, "must be a finite number", cell))
                values.append(value)
            result.append(values)
        return result

    def only(self, known: Iterable[str], ignored: frozenset[str]) -> None:
        """Refuses columns that mean nothing here.

        Raises:
            ValueError: If there is one; the closest known name is offered.
        """
        known = list(known)
        for name in self.columns:
            if name not in known and name not in ignored:
                error = unknown_name("column", name, known)
                raise InputError(f"'{self.path}': {error} (or leave it out with ignore={name})")

    def _bad(self, place: int, line: int, rule: str, cell: str) -> str:
        name = self.columns[place]
        return (
            f"'{self.path}', line {line}, column '{name}': {rule} (got '{cell}'); correct the cell, or leave the "
            f"column out with ignore={name}"
        )
