"""Tables of the scores of each label and each target, for few and for many of them."""

import base64
import csv
import io
import math
import re
from pathlib import Path

import pytest
import torch
from sklearn import metrics as expected

from graphkit.experiments import open_run
from graphkit.metrics import LabelScores, TargetScores, label_scores, target_scores
from graphkit.report import collect, report
from graphkit.report.label_tables import ENDS, SHOWN, label_table, named, target_table
from graphkit.report.page import Block, Note, Page, Section, Table, render
from graphkit.report.verdict import verdict
from tests.fitting import fit

from .test_every_kind import check_report

NAN = math.nan


def parts(blocks: list[Block]) -> tuple[Table, list[str]]:
    """The table and the texts of the notes after it."""
    table, *notes = blocks
    assert isinstance(table, Table)
    return table, [note.text for note in notes if isinstance(note, Note)]


def file_of(table: Table) -> list[list[str]]:
    """Rows of the CSV file of a table."""
    text = base64.b64decode(table.csv_url().partition("base64,")[2]).decode()
    return list(csv.reader(io.StringIO(text)))


def scored(areas: list[float]) -> LabelScores:
    """Labels with given areas, and 4 of 10 items positive."""
    area = torch.tensor(areas, dtype=torch.double)
    count = torch.full((len(areas),), 10)
    return LabelScores(area, area, area, count, torch.full_like(count, 4))


def test_few_labels_have_a_row_each_with_floors_and_gaps() -> None:
    y = torch.tensor([[1, 0, NAN, 1.0], [0, 0, NAN, 1], [1, 0, NAN, 0], [NAN, NAN, NAN, 0]])
    logits = torch.tensor([[2, -1, 0, 3.0], [1, -1, 0, 1], [-1, -1, 0, 2], [9, -1, 0, -1]])
    table, notes = parts(label_table([label_scores(logits, y)], ["a", "b", "c", "d"], "roc-auc"))
    assert list(table.head) == [
        "label", "labeled items", "positive", "roc-auc ↑", "roc-auc floor", "average-precision ↑",
        "average-precision floor", "f1 ↑", "f1 floor", "gaps",
    ]  # fmt: skip
    assert table.rows == [
        ["a", 3, "66.7 %", "50.00 %", "50.00 %", "0.8333", "0.6667", "50.00 %", "80.00 %", ""],
        ["b", 3, "0.0 %", None, None, None, None, None, None, "no score: one class only"],
        ["c", 0, None, None, None, None, None, None, None, "no score: no labeled item"],
        ["d", 4, "50.0 %", "75.00 %", "50.00 %", "0.8333", "0.5000", "80.00 %", "66.67 %", ""],
    ]
    assert notes[:2] == [
        "No score: one class only (1 of 4 labels): b.",
        "No score: no labeled item (1 of 4 labels): c.",
    ]
    assert "random scores" in notes[2]


def test_labels_without_gaps_have_no_column_of_gaps() -> None:
    table, notes = parts(label_table([scored([0.7, 0.9])], ["a", "b"], "micro-f1"))
    assert table.head[-1] == "f1 floor" and len(notes) == 1
    assert [row[0] for row in table.rows] == ["a", "b"] and table.file_rows is None


def test_an_output_that_is_nan_is_a_gap() -> None:
    y = torch.tensor([[1.0], [0.0], [1.0]])
    table, notes = parts(label_table([label_scores(torch.tensor([[NAN], [-1.0], [1.0]]), y)], ["a"], "roc-auc"))
    (row,) = table.rows
    assert row[3] is None and row[7] == "66.67 %" and row[-1] == "no ranking: an output is NaN"
    assert notes[0] == "No ranking: an output is NaN (1 of 1 labels): a."


def test_scores_are_means_over_folds_where_they_are_defined() -> None:
    first, second = scored([0.6, NAN]), scored([0.8, 0.7])
    first = first._replace(positives=torch.tensor([4, 0]))
    table, _ = parts(label_table([first, second], ["a", "b"], "roc-auc"))
    assert [row[1:5] for row in table.rows] == [
        [20, "40.0 %", "70.00 %", "50.00 %"],
        [20, "20.0 %", "70.00 %", "50.00 %"],
    ]
    assert [row[6] for row in table.rows] == ["0.4000", "0.4000"]


def test_of_many_labels_the_best_and_the_worst_are_shown_and_the_file_has_all() -> None:
    areas = [0.3 + (index * 7 % 617) / 1000 for index in range(617)]
    for index in (5, 80):
        areas[index] = NAN
    names = [f"assay {index}" for index in range(617)]
    blocks = label_table([scored(areas)], names, "roc-auc")
    table, notes = parts(blocks)
    order = sorted((index for index in range(617) if index not in (5, 80)), key=lambda index: -areas[index])
    chosen = [names[index] for index in (*order[:ENDS], *order[-ENDS:])]
    assert [row[0] for row in table.rows] == [*chosen[:ENDS], "… 595 more …", *chosen[ENDS:]]
    assert table.title == "The 10 best and the 10 worst of 617 labels by roc-auc"
    head, *rows = file_of(table)
    assert head == list(table.head) and [row[0] for row in rows] == names
    assert rows[5][3] == "" and rows[5][-1] == "no score: one class only" and rows[6][3] == "34.20 %"
    assert notes[0] == "No score: one class only (2 of 617 labels): assay 5, assay 80."
    text = render(Page("many", "", [Section("Labels", blocks)]))
    assert "CSV with all 617 rows</a>" in text and len(text) < 200_000 and text.count("<tr>") == 2 * ENDS + 2
    assert re.search(r'<td class="number">\d\d\.\d\d %</td>', text)


def test_of_many_labels_with_few_scores_those_with_a_score_are_shown() -> None:
    areas = [NAN] * SHOWN + [0.6, 0.9]
    table, _ = parts(label_table([scored(areas)], list(map(str, range(len(areas)))), "roc-auc"))
    assert [row[0] for row in table.rows] == [str(SHOWN + 1), str(SHOWN)] and len(table.file_rows or ()) == SHOWN + 2
    assert table.title == "Labels with a score, of 27"


def test_names_in_a_sentence_are_limited() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(list("abcdefghijkl")) == "a, b, c, d, e, f, g, h, i, j and 2 more"


def errors(values: list[float]) -> TargetScores:
    value = torch.tensor(values, dtype=torch.double)
    return TargetScores(value, 2 * value, 1 - value, torch.full((len(values),), 8))


def test_targets_have_the_better_floor() -> None:
    floors = {"mean": errors([0.5, 0.9]), "last-value": errors([0.7, 0.6])}
    table, notes = parts(target_table([errors([0.25, 0.75])], [floors], ["gap", "mu"], "rmse"))
    assert list(table.head) == [
        "target", "test items", "mae ↓", "mae floor", "rmse ↓", "rmse floor", "r2 ↑", "r2 floor",
    ]  # fmt: skip
    assert table.rows == [
        ["gap", 8, "0.2500", "0.5000", "0.5000", "1.0000", "0.7500", "0.5000"],
        ["mu", 8, "0.7500", "0.6000", "1.5000", "1.2000", "0.2500", "0.4000"],
    ]
    (note,) = notes
    assert note.endswith(
        "the mean of the training values and the latest earlier value, the better one for each target."
    )


def test_targets_have_gaps_and_the_smallest_error_is_the_best() -> None:
    y = torch.tensor([[1.0, 4.0, NAN], [3.0, 4.0, NAN]])
    scores = target_scores(torch.tensor([[1.0, 5.0, 0.0], [2.0, 5.0, 0.0]]), y)
    floors = {"mean": target_scores(torch.zeros(2, 3), y)}
    table, notes = parts(target_table([scores], [floors], ["a", "b", "c"], "mae"))
    assert [row[-1] for row in table.rows] == ["", "no r2: one value only", "no score: no value"]
    assert table.rows[1][2:4] == ["1.0000", "4.0000"] and table.rows[2][1:8] == [0, *[None] * 6]
    assert notes[:2] == ["No r2: one value only (1 of 3 targets): b.", "No score: no value (1 of 3 targets): c."]
    many = [0.1 * index for index in range(40)]
    table, _ = parts(target_table([errors(many)], [{"mean": errors(many)}], list(map(str, range(40))), "mae"))
    assert [row[0] for row in table.rows[:2]] == ["0", "1"] and table.rows[-1][0] == "39"


def files_of(text: str) -> dict[str, list[list[str]]]:
    """CSV files of a page by name."""
    links = re.findall(r'download="([^"]*)\.csv" href="data:text/csv;charset=utf-8;base64,([^"]*)"', text)
    decoded = ((name, base64.b64decode(code).decode()) for name, code in links)
    return {name: list(csv.reader(io.StringIO(content))) for name, content in decoded}


def molecules(path: Path, targets: str) -> Path:
    """Writes 60 molecules with three targets, of which the test rows have gaps, one value and none."""
    rows = [f"smiles,split,{targets}"]
    for index in range(60):
        part = ("train", "train", "train", "val", "test")[index // 2 % 5]
        size = 3 + index % 7
        smiles = f"C1{'C' * (size - 2)}C1" if index % 2 else f"{'C' * size}O"
        half = 0.5 if "log" in targets else 0  # whole numbers would be classes
        first = "" if index % 3 == 0 else (size + index % 2 if half else int(size > 5)) + half
        second = half if part == "test" else index % 2 + half
        third = "" if part == "test" else index % 2 + half
        rows.append(f"{smiles},{part},{first},{second},{third}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.extended
def test_the_report_of_labels_of_nodes(tmp_path: Path) -> None:
    model, data = {"name": "gcn", "hidden_channels": 4}, {"name": "sbm-multilabel", "size": 80}
    fit({"model": model, "data": data, "train": {"epochs": 2}, "seeds": 2}, tmp_path / "run")
    text = report(tmp_path / "run").read_text(encoding="utf-8")
    check_report(text)
    best = open_run(tmp_path / "run").best
    assert f"<p>Test items of {best.path.name}. Missing labels are left out.</p>" in text
    output, y = collect.test_outputs(best)
    head, *rows = files_of(text)["The 10 best and the 10 worst of 121 labels by f1"]
    assert len(rows) == y.size(1) == 121
    for label, row in enumerate(rows):
        true, predicted = y[:, label], output[:, label]
        assert row[:2] == [str(label), "160"]
        assert row[head.index("roc-auc ↑")] == f"{100 * expected.roc_auc_score(true, predicted):.2f} %"
        assert row[head.index("average-precision ↑")] == f"{expected.average_precision_score(true, predicted):.4f}"
        assert row[head.index("f1 ↑")] == f"{100 * expected.f1_score(true, predicted > 0):.2f} %"
        assert row[head.index("f1 floor")] == f"{100 * expected.f1_score(true, torch.ones_like(true)):.2f} %"


@pytest.mark.extended
def test_the_report_of_assays(tmp_path: Path) -> None:
    table = molecules(tmp_path / "assays.csv", "NR-AR,SR-p53,empty")
    data = {"name": str(table), "target": "NR-AR,SR-p53,empty", "task": "multitask-graph-classification"}
    fit({"model": {"name": "gin", "hidden_channels": 4}, "data": data, "train": {"epochs": 2}}, tmp_path / "run")
    text = report(tmp_path / "run").read_text(encoding="utf-8")
    check_report(text)
    run = open_run(tmp_path / "run")
    output, y = collect.test_outputs(run)
    _, first, second, third = files_of(text)["Scores of each label"]
    known = ~y[:, 0].isnan()
    area = expected.roc_auc_score(y[known, 0], output[known, 0])
    assert first[:2] == ["NR-AR", str(int(known.sum()))] and 0 < int(known.sum()) < len(y)
    assert first[3] == f"{100 * area:.2f} %" and run.result["test"]["mean"] == pytest.approx(area)
    assert second == ["SR-p53", "12", "0.0 %", *[""] * 6, "no score: one class only"]
    assert third == ["empty", "0", *[""] * 7, "no score: no labeled item"]
    assert "No score: one class only (1 of 3 labels): SR-p53." in text
    weak = "1 of 3 labels is ranked no better than chance (roc-auc of at most 50 %): NR-AR."
    assert (weak in verdict(run)) == (area <= 0.5)


@pytest.mark.extended
@pytest.mark.parametrize("metric", ["mae", "r2"])
def test_the_report_of_several_targets(metric: str, tmp_path: Path) -> None:
    table = molecules(tmp_path / "values.csv", "logS,logP,logD")
    data = {"name": str(table), "target": "logS,logP,logD", "task": "regression"}
    train = {"epochs": 2, "metric": metric}
    fit({"model": {"name": "gin", "hidden_channels": 4}, "data": data, "train": train}, tmp_path / "run")
    text = report(tmp_path / "run").read_text(encoding="utf-8")
    check_report(text)
    run = open_run(tmp_path / "run")
    prediction, y = collect.test_values(run)
    _, first, second, third = files_of(text)["Scores of each target"]
    known = ~y[:, 0].isnan()
    true, predicted = y[known, 0].double(), prediction[known, 0].double()
    assert first[:2] == ["logS", str(int(known.sum()))]
    assert first[2] == f"{expected.mean_absolute_error(true, predicted):.4f}"
    assert first[4] == f"{expected.root_mean_squared_error(true, predicted):.4f}"
    assert first[6] == f"{expected.r2_score(true, predicted):.4f}"
    train_y = run.dataset.targets().view(-1, 3)[run.split.train, 0].double()
    mean = torch.full_like(true, float(train_y.nanmean()))
    assert first[3] == f"{expected.mean_absolute_error(true, mean):.4f}"
    assert second[:2] == ["logP", "12"] and second[6:] == ["", "", "no r2: one value only"]
    assert third == ["logD", "0", *[""] * 6, "no score: no value"]
    assert "Largest errors of logS" in text
    score, floor = {"mae": (first[2], first[3]), "r2": (first[6], first[7])}[metric]
    weak = float(score) >= float(floor) if metric == "mae" else float(score) <= float(floor)
    (statement,) = [text for text in verdict(run) if "targets" in text and "no better than by a floor" in text] or [""]
    assert ("logS" in statement) == weak


def test_labels_no_better_than_chance_are_in_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"name": "sbm-multilabel", "size": 80}
    fit({"model": {"name": "mlp", "hidden_channels": 4}, "data": data, "train": {"epochs": 1}}, tmp_path / "run")
    run = open_run(tmp_path / "run")
    for weak in (0, 1, 3, 12):
        areas = scored([0.5] * weak + [0.6] * (120 - weak) + [NAN])
        monkeypatch.setattr(collect, "test_labels", lambda run, areas=areas: [areas])
        statements = [text for text in verdict(run) if "chance" in text]
        if not weak:
            assert statements == []
            continue
        listed = ", ".join(map(str, range(min(weak, 10)))) + (" and 2 more" if weak == 12 else "")
        how = f"{'is' if weak == 1 else 'are'} ranked no better than chance (roc-auc of at most 50 %)"
        assert statements == [f"{weak} of 121 labels {how}: {listed}."]
