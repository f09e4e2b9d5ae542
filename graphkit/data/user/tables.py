"""Reader of tables of text cells, with file, line and column in error messages."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import ignore_option
from graphkit.data.user.numbers import decimal_points, number_of
from graphkit.data.user.table_text import DELIMITERS, read_rows
from graphkit.errors import InputError
from graphkit.registry import unknown_name

#: Largest finite number in single precision.
LARGEST = torch.finfo(torch.float).max
#: Suffixes of tables.
SUFFIXES = (".csv", ".tsv")
#: Other names of columns, in lower case.
SYNONYMS = {"id": ("node", "node_id", "nodeid"), "source": ("from", "src"), "target": ("to", "dst")}
#: Names that pandas and R give to row numbers.
ROW_NUMBERS = ("index", "level_0", "X", "X.1", "...1", "rownames")
#: Columns that Gephi writes besides ``Id``, or ``Source`` and ``Target``.
GEPHI = ("Type", "Id", "Label", "timeset", "Timeset", "Interval")


class Table:
    """Table of text cells.

    The delimiter is determined from the content. Left out, with a note, are row numbers (a first column without a name,
    or the row names of R's ``write.table``); empty rows and empty columns without a name are left out.

    Args:
        path (Path): UTF-8 file, or UTF-16 file with a byte order mark, whose first line contains the column names.
        ignored (set[str], optional): Columns to ignore.
        keep_empty (bool, optional): Keeps empty rows between others. (default: ``False``)

    Attributes:
        columns (list[str]): Column names.
        rows (list[list[str]]): Cells.
        lines (list[int]): Line number of each row.
        row_names (list[str]): Cells of the left-out first column; empty without one.
        notes (list[str]): Messages for the user about how the table was read.

    Raises:
        FileNotFoundError: If the file does not exist.
        InputError: If the file is empty, a column name is missing or repeated, or a row has a wrong number of cells.
    """

    def __init__(self, path: Path, ignored: frozenset[str] = frozenset(), keep_empty: bool = False) -> None:
        self.path, self.ignored = path, ignored
        self.row_names: list[str] = []
        self.notes: list[str] = []
        self._original: dict[str, str] = {}
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no '{path.name}' in '{path.parent}'; a graph needs edges.csv and nodes.csv"
            )
        rows, lines, self.delimiter = read_rows(path, keep_empty)
        self.columns, self.rows, self.lines = rows[0] if rows else [], rows[1:], lines[1:]
        if not self.columns:
            raise InputError(f"'{path}' is empty; its first line must name the columns")
        self._trim()
        self._leave_out_row_names()
        for index, name in enumerate(self.columns):
            if not name:
                raise InputError(f"'{path}': column {index + 1} has no name; name it in the first line, or remove it")
        if len(set(self.columns)) < len(self.columns):
            seen: set[str] = set()
            twice = next(name for name in self.columns if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise InputError(f"'{path}' has two columns called '{shown(twice)}'; rename one")
        for row, line in zip(self.rows, self.lines, strict=True):
            if len(row) != len(self.columns):
                raise InputError(
                    f"'{path}', line {line}: {len(self.columns)} cells expected, as in the first line "
                    f"(got {len(row)}); {self._width_hint(row)}"
                )

    @property
    def originals(self) -> tuple[str, ...]:
        """Names of renamed columns in the file."""
        return tuple(self._original.values())

    def adopt(self, *names: str) -> None:
        """Renames columns that differ in case or have a usual synonym.

        Args:
            *names (str): Names to look for.
        """
        for name in names:
            if name in self.columns:
                continue
            lower = ["" if column in self.ignored else column.lower().lstrip("# ") for column in self.columns]
            for other in (name.lower(), *SYNONYMS.get(name, ())):
                if other in lower:
                    index = lower.index(other)
                    self._original[name] = self.columns[index]
                    self.columns[index] = name
                    if other != name.lower():
                        self.notes.append(f"'{self.path}': the column '{self._original[name]}' is read as `{name}`")
                    break

    def use_row_names(self, name: str) -> None:
        """Makes the left-out first column a column of the given name, if there is none."""
        if name in self.columns or not any(self.row_names):
            return
        self.columns.insert(0, name)
        for row, cell in zip(self.rows, self.row_names, strict=True):
            row.insert(0, cell)
        self.notes[0] = f"'{self.path}': the first column, which has no name, is read as `{name}`"

    def leave_out_gephi(self, *used: str) -> list[str]:
        """Ignores the columns that Gephi adds, with a note.

        Args:
            *used (str): Columns that are kept.

        Returns:
            The ignored columns.
        """
        originals = {self._original.get(name, name) for name in self.columns}
        if not ({"Id", "Label"} <= originals or {"Source", "Target"} <= originals):
            return []
        extra = [name for name in self.columns if name in GEPHI and name not in used and name not in self.ignored]
        if extra:
            self.ignored |= frozenset(extra)
            listed = ", ".join(f"`{name}`" for name in extra)
            self.notes.append(f"'{self.path}': not used: {listed}, which Gephi writes")
        return extra

    def require(self, name: str, remedy: str = "add it, or rename a column") -> list[str]:
        """Returns the cells of a required column, unchanged.

        Args:
            name (str): The column.
            remedy (str, optional): Remedy in the error message. (default: ``"add it, or rename a column"``)

        Raises:
            InputError: If the column is missing.
        """
        if name in self.columns:
            column = self.columns.index(name)
            return [row[column] for row in self.rows]
        only = len(self.columns) == 1 and re.search(r"[,;\t]", self.columns[0])
        remedy = "separate the cells by one character" if only else remedy
        available = shown(", ".join(self._original.get(column, column) for column in self.columns[:100]))
        raise InputError(f"'{self.path}' has no column '{name}' (found: {available}); {remedy}")

    def text(self, name: str) -> list[str]:
        """Returns the cells of a column, numbers with a decimal point.

        Decimal commas are converted, with a note, unless commas separate the cells.
        """
        cells = self.require(name)
        if self.delimiter == "," or not any("," in cell for cell in cells):
            return cells
        points = decimal_points(cells, certain=self.delimiter == ";")
        if points is None:
            return cells
        note = f"'{self.path}': commas in numbers are read as decimal points"
        if note not in self.notes:
            self.notes.append(note)
        return points

    def locate(self, row: int, name: str) -> str:
        """Returns the file, line and column of a cell, for error messages."""
        return f"'{self.path}', line {self.lines[row]}, column '{shown(self._original.get(name, name))}':"

    def numbers(self, names: Iterable[str], unknown: float | None = None) -> list[list[float]]:
        """Returns columns as numbers, row by row.

        Args:
            names (list[str]): The columns.
            unknown (float, optional): Value for a missing label; ``None`` makes it an error. (default: ``None``)

        Raises:
            InputError: If a cell is not a finite number.
        """
        names = list(names)
        columns = [self.text(name) for name in names]
        result = []
        for index, cells in enumerate(zip(*columns, strict=True)):
            values = []
            for name, cell in zip(names, cells, strict=True):
                value = unknown if unknown is not None and is_no_label(cell) else number_of(cell)
                if value is None or not (abs(value) <= LARGEST or value is unknown):
                    raise InputError(self._bad(index, name, dict(zip(names, cells, strict=True))))
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

    def _trim(self) -> None:
        """Removes empty cells at the ends of rows, and empty columns without a name."""
        width = len(self.columns)
        if self.rows and all(len(row) == width + 1 for row in self.rows) and any(row[-1] for row in self.rows):
            return
        named = max(index for index, name in enumerate(self.columns, 1) if name)
        for row in self.rows:
            while len(row) > named and not row[-1]:
                row.pop()
        longest = max(map(len, self.rows), default=named)
        if longest <= named:
            self.columns = self.columns[:named]
        elif longest <= width:
            raise InputError(f"'{self.path}': column {longest} has no name; name it in the first line, or remove it")

    def _leave_out_row_names(self) -> None:
        """Leaves out the first column if it has no name."""
        if self.rows and all(len(row) == len(self.columns) + 1 for row in self.rows):
            what = "the first cell of each row, for which the header has no name"
            self.row_names = [row.pop(0) for row in self.rows]
        else:
            what = "the first column, which has no name"
            while len(self.columns) > 1 and _is_unnamed(self.columns[0]) and self.columns[0] not in self.ignored:
                self.columns.pop(0)
                self.row_names = [row.pop(0) if row else "" for row in self.rows]
        while len(self.columns) > 1 and self.columns[0] in ROW_NUMBERS and _are_row_numbers(self.rows):
            name = self.columns.pop(0)
            self.rows = [row[1:] for row in self.rows]
            self.notes.append(f"'{self.path}': not used: `{name}`, the numbers of the rows")
        if any(self.row_names):
            self.notes.insert(0, f"'{self.path}': not used: {what}")

    def _width_hint(self, row: Sequence[str]) -> str:
        """Returns the remedy for a row with a wrong number of cells."""
        separator = DELIMITERS.get(self.delimiter, self.delimiter)
        for other, word in DELIMITERS.items():
            if other not in (self.delimiter, " ") and any(other in cell for cell in row) and len(row) == 1:
                return f"separate its cells by a {separator}, not by a {word}"
        if len(self.columns) == 1:
            return "remove the lines above the column names"
        if len(row) > len(self.columns):
            return f'put cells that contain a {separator} in quotes: "..."'
        return "complete the row"

    def _bad(self, row: int, name: str, cells: dict[str, str]) -> str:
        """Returns the message for a cell that is not a finite number."""
        value = number_of(cells[name])
        rule = "must be a number" if value is None else "must be a finite number"
        others = [other for other, cell in cells.items() if not _is_finite(cell)]
        return (
            f"{self.locate(row, name)} {rule} (got '{shown(cells[name])}'); "
            f"correct the cell, or leave the column out: {ignore_option(others, self.ignored)}"
        )


def table_path(folder: Path, name: str) -> Path:
    """Returns the path of a table in a folder, ``.csv`` if there is none.

    Args:
        folder (Path): The folder.
        name (str): File name without suffix, such as ``"nodes"``.

    Raises:
        InputError: If there are several.
    """
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    paths = [path for path in paths if path.stem.lower() == name and path.is_file()]
    if len(paths) > 1:
        raise InputError(f"'{folder}' has '{paths[0].name}' and '{paths[1].name}'; remove one")
    return paths[0] if paths else folder / f"{name}.csv"


def _are_row_numbers(rows: list[list[str]]) -> bool:
    """Returns whether the first cells are the numbers of the rows, from 0 or 1."""
    cells = [row[0] for row in rows if row]
    return len(cells) > 1 and any(cells == [str(start + row) for row in range(len(rows))] for start in (0, 1))


def _is_unnamed(name: str) -> bool:
    """Returns whether a column name is that of row numbers."""
    return not name or name.startswith("Unnamed: ")


def _is_finite(cell: str) -> bool:
    """Returns whether a cell is a finite number in single precision."""
    value = number_of(cell)
    return value is not None and abs(value) <= LARGEST
