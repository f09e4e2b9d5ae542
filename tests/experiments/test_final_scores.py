"""Scores of the test items in ``fit.json`` and ``result.json``: all metrics, each class, and the confusion matrix."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from sklearn import metrics as expected

from graphkit.cli.main import main
from graphkit.data import GraphDataset, Split
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.experiments import compare_runs, evaluate_run, open_run
from graphkit.report import report
from graphkit.tasks import make_task
from graphkit.training.progress import Progress
from graphkit.training.run_result import FitResult, combine, read_checked
from tests.fitting import fit

METRICS = ["accuracy", "balanced-accuracy", "macro-f1", "roc-auc"]
KEYS = ("scores", "classes", "confusion")


def outputs(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and classes of the test items."""
    fitted = open_run(folder)
    graph, ids = fitted.dataset.graphs[0], fitted.split.test
    return fitted.model(**fitted.model.inputs(graph)).detach()[ids], graph.y[ids]


def test_all_metrics_are_those_of_the_selected_weights(nodes: dict[str, Any], tmp_path: Path) -> None:
    result = fit({**nodes, "train": {"epochs": 20}}, tmp_path / "run")
    output, y = outputs(tmp_path / "run")
    guess, probability = output.argmax(1), output.double().softmax(1)
    scores = {name: score["mean"] for name, score in result["scores"].items()}
    areas = [expected.roc_auc_score(y == c, probability[:, c]) for c in y.unique().tolist()]
    assert scores == pytest.approx(
        {
            "accuracy": expected.accuracy_score(y, guess),
            "balanced-accuracy": expected.balanced_accuracy_score(y, guess),
            "macro-f1": expected.f1_score(y, guess, average="macro"),
            "roc-auc": sum(areas) / len(areas),
        }
    )
    assert result["scores"]["accuracy"] == result["test"]
    assert result["confusion"] == expected.confusion_matrix(y, guess, labels=range(4)).tolist()
    assert [row["name"] for row in result["classes"]] == ["0", "1", "2", "3"]
    assert [row["count"] for row in result["classes"]] == torch.bincount(y, minlength=4).tolist()
    recall = expected.recall_score(y, guess, average=None, labels=y.unique(), zero_division=0)
    assert [row["recall"] for row in result["classes"] if row["count"]] == pytest.approx(recall.tolist())
    written = read_checked(tmp_path / "run" / "fit.json", FitResult)
    assert written["scores"] == scores and written["confusion"] == result["confusion"]


def test_several_seeds_add_up_their_confusion_matrices(seeds_run: Path) -> None:
    run_ = open_run(seeds_run)
    fits = [read_checked(member.path / "fit.json", FitResult) for member in run_.members]
    assert [*run_.result["scores"]] == METRICS
    for name, score in run_.result["scores"].items():
        assert score["runs"] == [fitted["scores"][name] for fitted in fits]
    total = torch.tensor([fitted["confusion"] for fitted in fits]).sum(0)
    assert run_.result["confusion"] == total.tolist()
    assert [row["count"] for row in run_.result["classes"]] == total.sum(1).tolist()


def test_evaluate_gives_the_scores_of_the_run(seeds_run: Path) -> None:
    again, result = evaluate_run(open_run(seeds_run)), open_run(seeds_run).result
    assert {key: again[key] for key in KEYS} == {key: result[key] for key in KEYS}


@pytest.mark.parametrize("metric", ["macro-f1", "roc-auc", "balanced-accuracy"])
def test_the_epoch_is_selected_by_any_metric(nodes: dict[str, Any], tmp_path: Path, metric: str) -> None:
    settings = {**nodes, "train": {"epochs": 12, "metric": metric}}
    result = fit(settings, tmp_path / "run")
    scores = [row["validation"] for row in open_run(tmp_path / "run").metrics]
    assert result["metric"] == metric and result["test"] == result["scores"][metric]
    assert scores[result["epochs"][0] - 1] == max(scores) == result["validation"]["mean"]
    assert len(set(scores)) > 1


def test_each_item_of_folds_counts_once_per_seed(
    nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = DataSettings.load

    def folds(settings: DataSettings, seed: int) -> GraphDataset:
        ids = torch.arange(34)
        splits = tuple(Split(ids[ids % 3 != k], ids[:0], ids[ids % 3 == k]) for k in range(3))
        return load(settings, seed).replace(splits=splits, protocol="fold")

    monkeypatch.setattr(DataSettings, "load", folds)
    one, two = (fit({**nodes, "seeds": seeds}, tmp_path / str(seeds)) for seeds in (1, 2))
    assert [row["count"] for row in one["classes"]] == [13, 12, 4, 5]
    assert [row["count"] for row in two["classes"]] == [26, 24, 8, 10]
    last = [member.metrics[-1]["validation"] for member in open_run(tmp_path / "1").members]
    assert one["scores"]["accuracy"]["runs"] == last
    of_seeds = two["scores"]["accuracy"]["runs"]
    assert len(of_seeds) == 2 and of_seeds[0] == pytest.approx(sum(last) / 3)
    assert "All metrics, at the last epoch" in report(tmp_path / "1").read_text()


def test_an_undefined_score_is_null() -> None:
    task = make_task("node-classification")
    scores = task.scores(torch.eye(3), torch.zeros(3).long())
    assert scores["roc-auc"] is None and scores["accuracy"] == pytest.approx(1 / 3)
    assert make_task("skeleton-classification").scores(torch.eye(3), torch.arange(3))["top-5-accuracy"] is None


def test_older_results_without_these_keys_still_open(seeds_run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        for source in seeds_run.rglob("*"):
            target = tmp_path / name / source.relative_to(seeds_run)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        for path in (tmp_path / name).rglob("*.json"):
            content = json.loads(path.read_text())
            if "test" in content:
                path.write_text(json.dumps({key: value for key, value in content.items() if key not in KEYS}))
    old = open_run(tmp_path / "a")
    assert "scores" not in old.result and old.result["test"] == open_run(seeds_run).result["test"]
    assert compare_runs([old, open_run(tmp_path / "b")])
    page = report(old).read_text()
    assert "Confusion matrix" not in page and "macro-f1" not in page
    assert "macro-f1" in report(seeds_run).read_text()


def test_damaged_scores_are_one_line(nodes: dict[str, Any], tmp_path: Path) -> None:
    fit(nodes, tmp_path / "run")
    path = tmp_path / "run" / "result.json"
    content = json.loads(path.read_text())
    content["classes"][1]["count"] = "many"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"is damaged \(`classes\[1\].count` must be a whole number\)"):
        _ = open_run(tmp_path / "run").result


def test_tasks_of_several_labels_have_scores_without_classes(small_run: Path) -> None:
    result = open_run(small_run).result
    assert [*result["scores"]] == ["roc-auc", "micro-f1", "average-precision"] and "confusion" not in result
    assert result["scores"][result["metric"]] == result["test"]


def test_a_split_without_test_items_has_no_such_scores(
    nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, ids = DataSettings.load, torch.arange(34)
    split = Split(ids[:20], ids[20:], ids[:0])
    monkeypatch.setattr(DataSettings, "load", lambda *args: load(*args).replace(splits=(split,)))
    result = fit(nodes, tmp_path / "run")
    assert result["test"] is None and not any(key in result for key in KEYS)


def test_the_printed_result_has_one_line_of_other_scores(tmp_path: Path) -> None:
    line = f"train --model gcn --dataset karate --epochs 3 --output {tmp_path / 'run'}"
    shown = CliRunner().invoke(main, line.split()).stdout
    lines = [text for text in shown.splitlines() if "balanced-accuracy" in text]
    assert len(lines) == 1 and "macro-f1" in lines[0] and "roc-auc" in lines[0]
    assert "accuracy" in shown and "precision" not in shown


class Said(Progress):
    """Notes that are shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


LAST = "the best epoch is the last one (3); train longer: --epochs 6"


def test_a_best_epoch_at_the_end_is_noted(nodes: dict[str, Any], tmp_path: Path) -> None:
    said = Said()
    result = fit({**nodes, "train": {"epochs": 3, "select": "loss"}}, tmp_path / "run", said)
    assert result["epochs"] == [3] and result["notes"] == [LAST] and f"note: {LAST}" in said.lines
    page = re.sub("<[^>]+>", "", report(tmp_path / "run").read_text())
    assert f"{LAST[:1].upper()}{LAST[1:]}." in page


def test_a_best_epoch_before_the_end_is_not_noted(nodes: dict[str, Any], tmp_path: Path) -> None:
    said = Said()
    training = {"epochs": 300, "lr": 0.1, "select": "loss", "patience": 20}
    result = fit({**nodes, "train": training}, tmp_path / "run", said)
    assert len(open_run(tmp_path / "run").metrics) < 300 and result["notes"] == []
    assert not any("best epoch" in line for line in said.lines)


def test_a_perfect_score_at_the_end_is_not_noted(nodes: dict[str, Any], tmp_path: Path) -> None:
    result = fit({**nodes, "train": {"epochs": 60}}, tmp_path / "run")
    assert result["validation"]["mean"] == 1.0 and result["epochs"] == [60] and result["notes"] == []


def test_notes_of_some_runs_have_their_number(seeds_run: Path) -> None:
    opened = open_run(seeds_run)
    fits = [read_checked(member.path / "fit.json", FitResult) for member in opened.members]
    for fitted, notes in zip(fits, (["a"], [], ["a"]), strict=True):
        fitted["notes"] = notes
    result = combine(opened.config, opened.dataset, fits, seeds_run, 1.0)
    assert result["notes"] == ["in 2 of 3 runs, a"]


def test_folds_whose_best_epoch_is_the_last_are_noted(seeds_run: Path) -> None:
    opened = open_run(seeds_run)
    fits = [read_checked(member.path / "fit.json", FitResult) for member in opened.members[:2]]
    for fitted in fits:
        fitted |= {"seed": 0, "curve": [0.1, 0.2, 0.3, 0.4], "notes": []}
    result = combine(opened.config, opened.dataset, fits, seeds_run, 1.0)
    assert result["notes"] == ["the best epoch is the last one (4); train longer: --epochs 8"]
    fits[0]["curve"] = fits[1]["curve"] = [0.1, 0.5, 0.3, 0.4]
    assert combine(opened.config, opened.dataset, fits, seeds_run, 1.0)["notes"] == []
