"""Reader of comma-separated tables, with file, line and column in error messages."""

import csv
from collections.abc import Iterable
from pathlib import Path

import torch

from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import ignore_option
from graphkit.errors import InputError
from graphkit.files import parsing
from graphkit.registry import unknown_name

#: Largest finite number in single precision.
LARGEST = torch.finfo(torch.float).max


class Table:
    """Table of text cells.

    Args:
        path (Path): Comma-separated UTF-8 file whose first line names the columns.
        ignored (set[str], optional): Columns to ignore.

    Raises:
        FileNotFoundError: If the file does not exist.
        InputError: If the file is empty, a column name is missing or repeated, or a row has a wrong number of cells.
    """

    def __init__(self, path: Path, ignored: frozenset[str] = frozenset()) -> None:
        self.path, self.ignored = path, ignored
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no '{path.name}' in '{path.parent}'; a graph needs edges.csv and nodes.csv"
            )
        self.rows: list[list[str]] = []
        self.lines: list[int] = []
        with (
            parsing(path, kind="as comma-separated UTF-8 text"),
            open(path, newline="", encoding="utf-8-sig") as file,
        ):
            reader = csv.reader(file, strict=True)
            self.columns = [name.strip() for name in next(reader, [])]
            for row in reader:
                if row:
                    self.rows.append([cell.strip() for cell in row])
                    self.lines.append(reader.line_num)
        if not any(self.columns):
            raise InputError(f"'{path}' is empty; its first line must name the columns")
        for index, name in enumerate(self.columns):
            if not name or (name.startswith("Unnamed: ") and name not in ignored):
                what = f"is called '{name}'" if name else "has no name"
                raise InputError(
                    f"'{path}': column {index + 1} {what}; if pandas wrote its row numbers there, write the table with "
                    "to_csv(..., index=False); otherwise name or remove the column"
                )
        if len(set(self.columns)) < len(self.columns):
            seen: set[str] = set()
            twice = next(name for name in self.columns if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise InputError(f"'{path}' has two columns called '{shown(twice)}'; rename one")
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) != len(self.columns):
                raise InputError(
                    f"'{path}', line {line}: {len(self.columns)} cells expected, as in the first line (got {len(row)})"
                )

    def require(self, name: str) -> list[str]:
        """Returns the cells of a required column.

        Raises:
            InputError: If the column is missing.
        """
        if name in self.columns:
            return self.text(name)
        only = self.columns[0] if len(self.columns) == 1 else ""
        hint = "separate cells by commas" if ";" in only or "\t" in only else "add it, or rename a column"
        available = shown(", ".join(self.columns[:100]))
        raise InputError(f"'{self.path}' has no column '{name}' (found: {available}); {hint}")

    def text(self, name: str) -> list[str]:
        """Returns the cells of a column."""
        column = self.columns.index(name)
        return [row[column] for row in self.rows]

    def locate(self, row: int, name: str) -> str:
        """Returns the file, line and column of a cell, for error messages."""
        return f"'{self.path}', line {self.lines[row]}, column '{shown(name)}':"

    def numbers(self, names: Iterable[str], unknown: float | None = None) -> list[list[float]]:
        """Returns columns as numbers, row by row.

        Args:
            names (list[str]): The columns.
            unknown (float, optional): Value for a missing label; ``None`` makes it an error. (default: ``None``)

        Raises:
            InputError: If a cell is not a finite number.
        """
        number = {name: column for column, name in enumerate(self.columns)}
        places = [number[name] for name in names]
        result = []
        for row, line in zip(self.rows, self.lines, strict=True):
            values = []
            for column in places:
                cell = row[column]
                value = unknown if unknown is not None and is_no_label(cell) else _number(cell)
                if value is None or not (abs(value) <= LARGEST or value is unknown):
                    raise InputError(self._bad(column, line, row, places))
                values.append(value)
            result.append(values)
        return result

    def only(self, allowed: Iterable[str]) -> None:
        """Raises an error for unknown columns.

        Raises:
            InputError: If there is an unknown column; the closest name is suggested.
        """
        allowed = list(allowed)
        others = [name for name in self.columns if name not in allowed and name not in self.ignored]
        if others:
            option = ignore_option(others, self.ignored)
            error = unknown_name("column", shown(others[0]), allowed)
            raise InputError(f"'{self.path}': {error} (or leave it out: {option})")

    def _bad(self, column: int, line: int, row: list[str], places: list[int]) -> str:
        """Returns the message for a cell that is not a finite number."""
        value = _number(row[column])
        rule = "must be a number" if value is None else "must be a finite number"
        others = [self.columns[other] for other in places if not _is_finite(row[other])]
        return (
            f"'{self.path}', line {line}, column '{shown(self.columns[column])}': {rule} (got '{shown(row[column])}'); "
            f"correct the cell, or leave the column out: {ignore_option(others, self.ignored)}"
        )


def _number(cell: str) -> float | None:
    """Returns a cell as a number, or ``None`` if it is not one."""
    try:
        return float(cell)
    except ValueError:
        return None


def _is_finite(cell: str) -> bool:
    """Returns whether a cell is a finite number in single precision."""
    value = _number(cell)
    return value is not None and abs(value) <= LARGEST
