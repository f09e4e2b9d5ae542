"""Tables of the scores of each class, for few and for many classes."""

from typing import Any

import torch

from graphkit.metrics.confusion_counts import confusion_counts
from graphkit.report.classes import class_tables
from graphkit.report.page import Folded, Page, Section, Table, render
from graphkit.training.run_result import class_rows


def result(num_classes: int, errors: dict[tuple[int, int], int]) -> dict[str, Any]:
    """Ten items of each class, some of which are predicted as another class."""
    y = torch.arange(num_classes).repeat_interleave(10)
    guess = y.clone()
    for (true, other), count in errors.items():
        guess[true * 10 : true * 10 + count] = other
    confusion = confusion_counts(guess, y, num_classes)
    rows = class_rows(confusion, confusion.sum(1), [f"class {index}" for index in range(num_classes)])
    return {"classes": rows, "confusion": confusion.tolist()}


def test_few_classes_are_one_table_in_their_order() -> None:
    (table,) = class_tables(result(3, {(1, 2): 10}))
    assert isinstance(table, Table)
    assert table.rows == [
        ["class 0", "100.0 %", "100.0 %", "100.0 %", 10],
        ["class 1", None, "0.0 %", "0.0 %", 10],
        ["class 2", "50.0 %", "100.0 %", "66.7 %", 10],
    ]


def test_of_many_classes_the_worst_and_the_most_frequent_errors_are_shown() -> None:
    lowest, folded, errors = class_tables(result(70, {(40, 41): 6, (7, 9): 3}))
    assert isinstance(lowest, Table) and isinstance(folded, Folded) and isinstance(errors, Table)
    assert len(lowest.rows) == 15 and [row[0] for row in lowest.rows[:2]] == ["class 40", "class 41"]
    assert isinstance(folded.block, Table) and len(folded.block.rows) == 70 and not folded.is_open
    assert errors.rows == [["class 40", "class 41", 6, "60.0 %"], ["class 7", "class 9", 3, "30.0 %"]]
    text = render(Page("many", "", [Section("Classes", [lowest, folded, errors])]))
    assert "The 15 classes with the lowest F1" in text and text.count("class 69") == 1
