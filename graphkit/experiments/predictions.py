"""Predictions of a trained run as arrays, and files of predictions."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from graphkit.errors import InputError, MissingPackageError
from graphkit.files import write_csv, write_text

#: Suffixes of files of predictions.
SUFFIXES = (".csv", ".json")


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

    #: Whether the items are pairs of nodes.
    of_pairs: ClassVar[bool] = False

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
        columns = self._ids()
        for (singular, plural), array in self._arrays().items():
            values = array.tolist()
            if array.ndim == 1:
                columns[singular] = _without_gaps([values])[0] if singular == "target" else values
            else:
                values = _without_gaps(values) if singular == "target" else values
                columns[plural] = [dict(zip(self.names, row, strict=True)) for row in values]
        for row in zip(*columns.values(), strict=True):
            yield dict(zip(columns, row, strict=True))
        for item, problem in self.problems.items():
            yield {"id": item, "problem": problem}

    def columns(self) -> dict[str, list[Any]]:
        """Returns the columns of the CSV file; missing values are ``None``.

        They are ``graph``, ``id``, ``smiles``, ``split``, ``prediction`` (or ``prediction_NAME``),
        ``probability_NAME``, ``target`` (or ``target_NAME``) and ``problem``, without those that are empty.
        """
        columns = self._ids()
        for (singular, _), array in self._arrays().items():
            values = [array.tolist()] if array.ndim == 1 else array.T.tolist()
            names = [singular] if array.ndim == 1 else [f"{singular}_{name}" for name in self.names]
            columns |= dict(zip(names, _without_gaps(values) if singular == "target" else values, strict=True))
        if self.problems:
            columns = {name: [*column, *[None] * len(self.problems)] for name, column in columns.items()}
            columns["id"][len(self) :] = self.problems
            columns["problem"] = [*[None] * len(self), *self.problems.values()]
        return columns

    def _ids(self) -> dict[str, list[Any]]:
        """Returns the columns before the prediction that are not empty."""
        ids = {"graph": self.graph, "id": self.ids, "smiles": self.smiles, "split": self.split}
        return {name: list(values) for name, values in ids.items() if values or name == "id"}

    def _arrays(self) -> dict[tuple[str, str], np.ndarray]:
        """Returns the arrays by their names in a table and in a row."""
        arrays = {
            ("prediction", "predictions"): self.prediction,
            ("probability", "probabilities"): self.probability,
            ("target", "targets"): self.target,
        }
        return {names: array for names, array in arrays.items() if array is not None}

    def to_csv(self, path: str | Path) -> None:
        """Writes a CSV file, with six digits of each probability.

        A text that spreadsheets would evaluate as a formula is prefixed, see :func:`graphkit.files.csv_cell`.

        Raises:
            InputError: If the file cannot be written.
        """
        columns = self.columns()
        numbers = ("score", *(f"probability_{name}" for name in self.names if self.probability is not None))
        for name in [name for name in numbers if name in columns]:
            columns[name] = [None if value is None else f"{value:.6g}" for value in columns[name]]
        with _writing(path):
            write_csv(path, columns, zip(*columns.values(), strict=True))

    def to_json(self, path: str | Path) -> None:
        """Writes a JSON list of the :meth:`rows`, with ``null`` for infinite and NaN.

        Raises:
            InputError: If the file cannot be written.
        """
        lines = ",\n".join(json.dumps(finite(row)) for row in self.rows())
        with _writing(path):
            write_text(path, f"[\n{lines}\n]\n")

    def save(self, path: str | Path) -> None:
        """Writes a CSV or JSON file, by its suffix.

        Raises:
            InputError: If the suffix is another one, or the file cannot be written.
        """
        check_output(path)
        (self.to_json if Path(path).suffix.lower() == ".json" else self.to_csv)(path)

    def to_pandas(self) -> Any:
        """Returns a ``pandas.DataFrame`` with the columns of the CSV file.

        Raises:
            MissingPackageError: If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingPackageError("a DataFrame needs pandas; run: pip install pandas") from None
        return pandas.DataFrame(self.columns())


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


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row for JSON, with ``None`` for numbers that are not finite."""
    return {key: finite(value) if isinstance(value, Mapping) else _finite(value) for key, value in row.items()}


def _finite(value: Any) -> Any:
    """Returns a value, or ``None`` for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _without_gaps(rows: list[Any]) -> list[Any]:
    """Returns lists of targets with ``None`` for missing ones."""
    return [[None if value == "" or value != value else value for value in row] for row in rows]


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    """Context in which a file that cannot be written is an error of one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the predictions cannot be written to '{path}' ({reason}); free space, or choose another place"
        ) from None
