"""Tables of the scores of each class and of the most frequent errors."""

from typing import Any

import torch

from graphkit.report.confusion import ANNOTATED
from graphkit.report.page import Block, Cell, Folded, Table

#: Number of errors in the table of the most frequent ones.
_ERRORS = 10


def class_tables(result: dict[str, Any]) -> list[Block]:
    """Returns the table of precision, recall and F1 of each class.

    Of more than 15 classes, those with the lowest F1 are shown, the others are folded, and a table lists the most
    frequent errors, since the cells of the confusion matrix have no numbers.

    Args:
        result (dict): Content of ``result.json`` with the keys ``classes`` and ``confusion``.
    """
    rows = result["classes"]
    if len(rows) <= ANNOTATED:
        return [_class_table(rows)]
    lowest = sorted(rows, key=lambda row: (row["f1"] is None, row["f1"] or 0.0))
    shown = _class_table(lowest[:ANNOTATED], f"The {ANNOTATED} classes with the lowest F1")
    return [shown, Folded(f"All {len(rows)} classes", _class_table(rows)), _error_table(result)]


def _class_table(rows: list[dict[str, Any]], title: str = "") -> Table:
    """Returns the table of the scores of some classes."""

    def cell(value: float | None) -> Cell:
        return None if value is None else f"{100 * value:.1f} %"

    cells = [[row["name"], *(cell(row[key]) for key in ("precision", "recall", "f1")), row["count"]] for row in rows]
    return Table(["class", "precision", "recall", "F1", "test items"], cells, title)


def _error_table(result: dict[str, Any]) -> Table:
    """Returns the table of the most frequent errors, by true and predicted class."""
    counts, names = torch.tensor(result["confusion"]), [row["name"] for row in result["classes"]]
    errors = counts.clone().fill_diagonal_(0).flatten()
    order = errors.argsort(descending=True, stable=True)[:_ERRORS].tolist()
    pairs = [(*divmod(index, len(names)), int(errors[index])) for index in order if errors[index]]
    rows: list[list[Cell]] = [
        [names[true], names[guess], count, f"{100 * count / result['classes'][true]['count']:.1f} %"]
        for true, guess, count in pairs
    ]
    return Table(["true class", "predicted class", "items", "of the true class"], rows, "Most frequent errors")
