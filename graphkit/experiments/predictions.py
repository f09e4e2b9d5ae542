"""Predictions of a trained run as arrays, and files of predictions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.errors import InputError, MissingPackageError
from graphkit.files import write_csv, write_json

#: Suffixes of files of predictions.
SUFFIXES = (".csv", ".json")
#: Keys of values by name in a row, and the prefix of their columns in a table.
_BY_NAME = {"predictions": "prediction", "probabilities": "probability", "targets": "target"}


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Predictions for nodes, graphs or clips.

    Args:
        ids (tuple[str or int, ...]): Ids of the ``N`` items: those of the data, else their numbers from 0.
        prediction (numpy.ndarray): ``[N]`` class names, ``[N, C]`` labels 0 and 1, or ``[N, C]`` numbers for a
            regression.
        probability (numpy.ndarray, optional): ``[N, C]``; ``None`` for a regression. (default: ``None``)
        target (numpy.ndarray, optional): True values in the form of ``prediction``, where ``""`` and NaN are missing
            ones; ``None`` without true values. (default: ``None``)
        names (tuple[str, ...], optional): Names of the ``C`` classes, labels or targets. (default: ``()``)
        graph (tuple[str or int, ...], optional): Ids of the graphs of the items, for nodes of many graphs. (default:
            ``()``)
        split (tuple[str, ...], optional): Part of each item in the data of the run: ``"train"``, ``"val"``, ``"test"``,
            ``"none"`` or ``"fold-K"``. (default: ``()``)
        problems (dict, optional): Error message of each item without a prediction, by id. (default: ``{}``)
        notes (tuple[str, ...], optional): Messages about how new data were read. (default: ``()``)
        smiles (tuple[str, ...], optional): SMILES strings of molecules. (default: ``()``)
    """

    ids: tuple[str | int, ...]
    prediction: np.ndarray
    probability: np.ndarray | None = None
    target: np.ndarray | None = None
    names: tuple[str, ...] = ()
    graph: tuple[str | int, ...] = ()
    split: tuple[str, ...] = ()
    problems: Mapping[str | int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    smiles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        kind = "classes" if self.prediction.ndim == 1 else "targets" if self.probability is None else "labels"
        problems = f", {len(self.problems)} problems" if self.problems else ""
        return f"Predictions({len(self)} items, {len(self.names)} {kind}{problems})"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields rows of Python values: predictions, then items without a prediction.

        The keys are ``graph`` (for nodes of many graphs), ``id``, ``smiles`` (for molecules), ``split``,
        ``prediction``, ``probabilities`` and ``target``; or ``predictions`` and ``targets`` by name, for labels and
        regression; or ``id`` and ``problem``. Missing targets are ``None``.
        """
        columns: dict[str, list[Any]] = {"graph": list(self.graph), "id": list(self.ids), "smiles": list(self.smiles)}
        columns["split"] = list(self.split)
        several = self.prediction.ndim > 1
        columns["predictions" if several else "prediction"] = self._values(self.prediction)
        columns["probabilities"] = self._values(self.probability)
        columns["targets" if several else "target"] = self._values(self.target, gaps=True)
        filled = {name: column for name, column in columns.items() if column}
        for values in zip(*filled.values(), strict=True):
            yield dict(zip(filled, values, strict=True))
        for item, problem in self.problems.items():
            yield {"id": item, "problem": problem}

    def _values(self, array: np.ndarray | None, gaps: bool = False) -> list[Any]:
        """Returns a word per item, or numbers by name.

        With ``gaps``, missing ones are ``None``.
        """
        if array is None:
            return []
        values = array.tolist()
        if array.ndim == 1:
            return [word or None for word in values] if gaps else values
        if gaps:
            values = [[None if math.isnan(value) else value for value in row] for row in values]
        return [dict(zip(self.names, row, strict=True)) for row in values]

    def to_csv(self, path: str | Path) -> None:
        """Writes a CSV file, see :func:`write_rows`."""
        _write(path, list(self.rows()), as_json=False)

    def to_json(self, path: str | Path) -> None:
        """Writes a JSON file, see :func:`write_rows`."""
        _write(path, list(self.rows()), as_json=True)

    def save(self, path: str | Path) -> None:
        """Writes a CSV or JSON file, by its suffix.

        Raises:
            InputError: If the suffix is another one, or the file cannot be written.
        """
        check_output(path)
        write_rows(path, list(self.rows()))

    def to_pandas(self) -> Any:
        """Returns a ``pandas.DataFrame`` with the columns of the CSV file.

        Raises:
            MissingPackageError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingPackageError("a DataFrame needs pandas; run: pip install pandas") from None
        return pandas.DataFrame([_flat(row) for row in self.rows()])


def check_output(output: str | Path) -> None:
    """Checks the path of a file of predictions before anything is computed.

    Raises:
        InputError: If the name ends in neither ``.csv`` nor ``.json``, or its folder does not exist.
    """
    path = Path(output)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"`output` must end in {' or '.join(SUFFIXES)} (got '{output}'); rename it")
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder '{path.parent}'"
        raise InputError(f"the predictions cannot be written to '{output}' ({what}); choose another path")


def write_rows(output: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes predictions as JSON or CSV, by the suffix of the file.

    JSON contains a list of the rows, with ``null`` for numbers that are not finite. CSV contains a column per name in
    ``probabilities`` (``probability_NAME``, with six digits), in ``predictions`` (``prediction_NAME``) and in
    ``targets`` (``target_NAME``). A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end and is no
    number is prefixed with an apostrophe, since spreadsheets would evaluate it as a formula.

    Args:
        output: The file.
        rows: The rows, whose columns may differ.

    Raises:
        InputError: If the file cannot be written.
    """
    _write(output, rows, as_json=Path(output).suffix.lower() == ".json")


def _write(output: str | Path, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Writes predictions as JSON or CSV, see :func:`write_rows`."""
    try:
        if as_json:
            write_json(output, [finite(row) for row in rows])
            return
        flat = [{key: _short(key, value) for key, value in _flat(row).items()} for row in rows]
        head = dict.fromkeys(name for row in flat for name in row)
        write_csv(output, head, ([row.get(name, "") for name in head] for row in flat))
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the predictions cannot be written to '{output}' ({reason}); free space, or choose another place"
        ) from None


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row with an entry per column of the table."""
    cells: dict[str, Any] = {}
    for key, value in row.items():
        if key in _BY_NAME:
            cells |= {f"{_BY_NAME[key]}_{name}": number for name, number in value.items()}
        else:
            cells[key] = value
    return cells


def _short(column: str, value: Any) -> Any:
    """Returns a cell, with six digits for a probability."""
    return f"{value:.6g}" if column.startswith("probability_") and isinstance(value, float) else value


def finite(value: Any) -> Any:
    """Returns values for JSON, with ``None`` for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
