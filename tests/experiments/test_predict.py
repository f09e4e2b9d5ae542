"""Files of predictions: formats, and texts that a spreadsheet must not run."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from graphkit.experiments import Predictions, open_run
from graphkit.experiments.predictions import check_output
from graphkit.files import csv_cell
from tests.fitting import fit


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict") / "run"
    fit({"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 1}}, folder)
    return folder


def test_the_end_of_the_name_decides_the_format(run: Path, tmp_path: Path) -> None:
    predictions = open_run(run).predict(device="cpu")
    for name in ("p.csv", "p.JSON"):
        predictions.save(tmp_path / name)
    table = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    rows = json.loads((tmp_path / "p.JSON").read_text())
    assert list(rows[0]) == ["id", "split", "prediction", "probabilities", "target"] and len(rows) == len(table) == 34
    for row, cells in zip(rows, table, strict=True):
        assert [str(row[name]) for name in ("id", "split", "prediction", "target")] == [
            cells[name] for name in ("id", "split", "prediction", "target")
        ]
        expected = [f"{value:.6g}" for value in row["probabilities"].values()]
        assert [cells[f"probability_{name}"] for name in row["probabilities"]] == expected


@pytest.mark.parametrize("name", ["p", "p.txt", "p.csv.gz", ".json"])
def test_a_name_without_a_known_end_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`output` must end in .csv or .json .got .*; rename it"):
        check_output(tmp_path / name)


def test_a_folder_and_a_place_in_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ValueError, match="a.csv' .it is a folder."):
        check_output(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="b.csv' .there is no folder '.*no'."):
        check_output(tmp_path / "no" / "b.csv")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("+1+2", "'+1+2"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("-inf", "'-inf"),
        ("-5", "-5"),
        ("+1.5e-3", "+1.5e-3"),
        ("a=1", "a=1"),
        ("", ""),
        (-5, -5),
        ("\udcff.npy", "\\udcff.npy"),  # the name of a file that is no UTF-8
    ],
)
def test_a_text_that_looks_like_a_formula_is_escaped_and_a_number_is_not(text: object, cell: object) -> None:
    assert csv_cell(text) == cell


def test_names_of_classes_are_escaped_in_cells_and_what_is_not_finite_is_null_in_json(tmp_path: Path) -> None:
    nan = np.array([[np.nan]])
    predictions = Predictions(("=1",), np.array([[1]]), nan, nan, ("=a",), problems={"b": "it's -2"})
    predictions.save(tmp_path / "p.csv")
    assert list(csv.reader((tmp_path / "p.csv").read_text().splitlines())) == [
        ["id", "prediction_=a", "probability_=a", "target_=a", "problem"], ["'=1", "1", "nan", "", ""],
        ["b", "", "", "", "it's -2"],
    ]  # fmt: skip
    predictions.save(tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text()) == [
        {"id": "=1", "predictions": {"=a": 1}, "probabilities": {"=a": None}, "targets": {"=a": None}},
        {"id": "b", "problem": "it's -2"},
    ]
