import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from graphkit.data import GraphDataset, Split
from graphkit.data.data_settings import DataSettings
from graphkit.experiments import evaluate_run, open_run
from tests.fitting import fit


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_scores_come_out_again(small_run: Path, seeds_run: Path) -> None:
    for folder in (small_run, seeds_run):
        stored = json.loads((folder / "result.json").read_text())
        again = evaluate_run(open_run(folder), "cpu")
        assert again["test"] == stored["test"] and again["validation"] == stored["validation"]
        assert again["seeds"] == stored["seeds"] and again["command"] == "evaluate"


def test_predictions_of_nodes_agree_with_the_scores(seeds_run: Path, tmp_path: Path) -> None:
    run = open_run(seeds_run)
    run.predict(device="cpu").save(tmp_path / "preds.csv")
    rows = read(tmp_path / "preds.csv")
    assert [*rows[0]][:3] == ["id", "split", "prediction"] and [*rows[0]][-1] == "target" and len(rows) == 34
    classes = len(rows[0]) - 4
    for row in rows:
        probabilities = [float(value) for value in list(row.values())[3:-1]]
        assert len(probabilities) == classes and sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert max(range(classes), key=probabilities.__getitem__) == int(row["prediction"])
    y = run.best.dataset.graphs[0].y.tolist()
    tested = [row for row in rows if row["split"] == "test"]
    assert [int(row["target"]) for row in tested] == [y[int(row["id"])] for row in tested]
    right = sum(row["prediction"] == row["target"] for row in tested)
    assert right / len(tested) == pytest.approx(run.best.result["test"]["mean"])


def test_predictions_of_graphs_have_one_row_each(small_run: Path, tmp_path: Path) -> None:
    open_run(small_run).predict(device="cpu").save(tmp_path / "preds.csv")
    rows = read(tmp_path / "preds.csv")
    assert len(rows) == 60 and sum(row["split"] == "train" for row in rows) == 42
    assert {int(value) for row in rows for name, value in row.items() if name.startswith("prediction_")} <= {0, 1}


def test_a_place_that_cannot_be_written_is_one_line(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the predictions cannot be written"):
        open_run(small_run).predict(device="cpu").save(tmp_path / "no" / "preds.csv")


def test_each_graph_is_predicted_by_the_fold_that_held_it_out(
    small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = DataSettings.load

    def folds(settings: DataSettings, seed: int) -> GraphDataset:
        dataset = load(settings, seed)
        ids = torch.arange(60)
        splits = tuple(Split(ids[ids % 3 != k], ids[:0], ids[ids % 3 == k]) for k in range(3))
        return dataset.replace(splits=splits, protocol="fold")

    monkeypatch.setattr(DataSettings, "load", folds)
    fit(small, tmp_path / "run")
    opened = open_run(tmp_path / "run")
    opened.predict(device="cpu").save(tmp_path / "preds.csv")
    rows = read(tmp_path / "preds.csv")
    assert [row["split"] for row in rows] == [f"fold-{k % 3}" for k in range(60)]
    held_out = opened.members[1]
    batch = held_out.dataset.graphs.batch(held_out.split.test)  # type: ignore[attr-defined]
    expected = held_out.model(**held_out.model.inputs(batch)).sigmoid().detach()
    probabilities = [[float(value) for name, value in row.items() if "probability" in name] for row in rows[1::3]]
    torch.testing.assert_close(torch.tensor(probabilities), expected, atol=1e-5, rtol=1e-4)


def test_a_run_that_has_not_ended_does_not_predict(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(ValueError, match="has not ended; continue it with: graphkit train --resume"):
        open_run(tmp_path / "run").predict(device="cpu")


def test_the_best_run_by_validation_predicts(seeds_run: Path) -> None:
    run = open_run(seeds_run)
    scores = [child.result["validation"]["mean"] for child in run.members]
    assert len(run.members) == 3 and run.best.result["validation"]["mean"] == max(scores)
