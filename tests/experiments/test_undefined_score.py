import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.experiments import compare_runs, evaluate_run, open_run
from graphkit.report import report
from graphkit.tasks import make_task
from graphkit.training.progress import Progress
from tests.fitting import fit, fit_distill


class Lines(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def config(path: Path, single: str) -> dict[str, Any]:
    """Returns settings for 12 graphs with one question each; all graphs of the part ``single`` have one class."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for number in range(12):
        part = ("train", "val", "test")[number % 3]
        answer = 1.0 if part == single else float(number // 3 % 2)
        x = torch.rand(3, 2, generator=generator) + answer
        edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        graphs.append(Data(x=x, y=torch.tensor([[answer]]), edge_index=edge_index, split=part))
    torch.save(graphs, path)
    return {"model": {"name": "mlp"}, "data": {"name": str(path)}, "train": {"epochs": 4}, "device": "cpu"}


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_part_with_one_class_has_no_score(tmp_path: Path, part: str) -> None:
    progress, other = Lines(), {"val": "test", "test": "validation"}[part]
    name = {"val": "validation"}.get(part, part)
    result = fit(config(tmp_path / "graphs.pt", part), tmp_path / "run", progress)
    assert result[name] is None and 0 <= result[other]["mean"] <= 1
    assert result["selected_on"] == "validation"
    notes = [line for line in progress.lines if "roc-auc is undefined" in line]
    assert len(notes) == 1 and f"undefined on the {name} items" in notes[0]
    assert ("the epoch is chosen by the loss" in notes[0]) == (part == "val")
    run = open_run(tmp_path / "run")
    again = evaluate_run(run, "cpu")
    assert again[name] is None and again[other]["mean"] == pytest.approx(result[other]["mean"])
    assert json.loads((tmp_path / "run" / "fit.json").read_text())[name] is None
    if part == "val":
        losses = [float(row["validation_loss"]) for row in run.metrics]
        assert result["epochs"] == [1 + losses.index(min(losses))]
    else:
        with pytest.raises(InputError, match="has no test score; .* one class only"):
            compare_runs([run, run])
    report(run)
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_comparison_without_a_test_score_is_refused_before_it_begins(tmp_path: Path) -> None:
    settings = config(tmp_path / "graphs.pt", "test")
    networks = {"teacher": {"model": settings["model"]}, "student": {"model": settings["model"]}}
    rest = {"data": settings["data"], "losses": {"kd": {}}, "device": "cpu"}
    with pytest.raises(InputError, match="roc-auc is undefined on test items whose labels have one class only; draw"):
        fit_distill({**networks, **rest}, tmp_path / "distilled")
    assert not (tmp_path / "distilled").exists()


def test_which_targets_have_a_score() -> None:
    nan = float("nan")
    y = torch.tensor([[1.0, 0.0, 1.0], [1.0, nan, 1.0]])
    assert not make_task("multitask-graph-classification").has_score(y)
    assert make_task("multitask-graph-classification", "micro-f1").has_score(y)
    assert make_task("multitask-graph-classification").has_score(torch.tensor([[1.0, nan], [0.0, nan]]))
    assert make_task("graph-classification").has_score(torch.tensor([1, 1]))
