"""Verdict of a report: statements on seeds, floors, epochs, factors and attention."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.experiments import RunFolder, open_run
from graphkit.metrics import paired_test
from graphkit.report import collect, collect_paths, continual_report, distill_report, report
from graphkit.report.verdict import difference_statement, verdict
from tests.fitting import fit


def test_one_seed_and_notes(plain_run: Path) -> None:
    statements = results(open_run(plain_run), notes=["the best epoch is the last one; train longer"])
    assert statements[0].startswith("One seed: no claim")
    assert statements[1] == "The best epoch is the last one; train longer."


def test_several_seeds_need_no_statement(factor_run: Path) -> None:
    assert not any("seed" in text for text in verdict(open_run(factor_run)))


def results(run: RunFolder, **keys: Any) -> list[str]:
    run.result = {**run.result, **keys}
    return verdict(run)


def test_predictions_of_one_class(plain_run: Path) -> None:
    rows = [{"name": name, "precision": None, "recall": None, "f1": None, "count": 10} for name in ("cat", "dog")]
    statements = results(open_run(plain_run), classes=rows, confusion=[[10, 0], [5, 0]])
    assert "No better than predicting the class cat for all test items (66.7 %)." in statements
    assert "Never predicted: dog." in statements
    statements = results(open_run(plain_run), classes=rows, confusion=[[10, 0], [1, 4]])
    assert not any("predict" in text for text in statements)


def test_floors(plain_run: Path) -> None:
    run = open_run(plain_run)
    scores = {"metric": "mae", "test": {"mean": 0.5, "std": 0.0, "runs": [0.5]}}
    low = results(run, **scores, floors={"last-value": {"mae": 0.4}, "mean": {"mae": 0.9}})
    assert [text for text in low if "floor" in text] == [
        "No better than the floor “last value”: mae 0.5000 against 0.4000."
    ]


def test_equal_factors(factor_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, view = open_run(factor_run), collect.factor_view
    values = torch.rand(50, 4, generator=torch.Generator().manual_seed(0)).numpy()

    def texts() -> list[str]:
        monkeypatch.setattr(collect, "factor_view", lambda fit: view(fit)._replace(coefficients=values))
        return [text for text in verdict(run) if "actor" in text]

    assert texts() == []
    values[:, 2] = 0.5 * values[:, 0]
    assert texts() == ["Factors 0 and 2 of the first layer are the same (cosine 1.00)."]
    values[:, 1] = 1e-3
    assert texts()[-1] == "Factor 1 of the first layer has no edges (coefficients below 0.01)."
    values[:] = 0.5
    assert texts() == ["All 4 factors of the first layer are the same (cosine ≥ 0.99)."]


def test_uniform_attention(tmp_path: Path) -> None:
    fit({"model": {"name": "spagan"}, "data": {"name": "karate"}, "train": {"epochs": 1}}, tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert (collect_paths.attention_deviation(run.best, 500) or 0) > 0.02
    assert not any("Attention" in text for text in verdict(run))
    with torch.no_grad():
        for name, parameter in run.best.model.named_parameters():
            if "att" in name:
                parameter.zero_()
    assert collect_paths.attention_deviation(run.best, 500) == pytest.approx(0, abs=1e-5)
    assert any(text.startswith("Attention to paths is uniform within 2 %") for text in verdict(run.best))


def test_reports_of_several_runs_compare_them(plain_run: Path, node_run: Path, factor_run: Path) -> None:
    text = report(plain_run, [node_run, factor_run]).read_text(encoding="utf-8")
    assert re.search(r"<li>(Gain|Loss) against factorgcn \d+\.\d+ points, 1 shared seed: no claim.</li>", text)
    assert "<h3>Comparison</h3>" in text and "Not compared: the runs" in text
    assert "Comparison" not in report(plain_run).read_text(encoding="utf-8")


def test_paired_differences(plain_run: Path, node_run: Path) -> None:
    first, other = open_run(plain_run), open_run(node_run)
    for run, scores in ((first, [0.8, 0.82, 0.83]), (other, [0.7, 0.73, 0.72])):
        test = {"mean": sum(scores) / 3, "std": 0.01, "runs": scores}
        run.result = {**run.result, "test": test, "seeds": [0, 1, 2]}
    statement = next(text for text in verdict(first, [other]) if "factorgcn" in text)
    assert re.fullmatch(
        r"Gain against factorgcn 10\.00 points, p = 0\.00\d, 3 shared seeds: significant at .*", statement
    )
    other.result["test"]["runs"] = [0.9, 0.7, 0.83]
    assert "not significant" in verdict(first, [other])[0]


def test_statements_of_strategies_and_losses() -> None:
    test = paired_test([0.8, 0.82, 0.83], [0.7, 0.73, 0.72])._asdict()
    text = difference_statement(test, "fine-tune", percent=True, subject="twp")
    assert text.startswith("twp: gain against fine-tune 10.00 points, p = 0.00")
    assert difference_statement(test, "mean", percent=False, maximize=False).startswith("Loss against mean 0.1000, p")
    result = {"metric": "accuracy", "maximize": True, "seeds": [0, 1, 2], "selected_on": "validation"}
    runs = {"fine-tune": [0.7, 0.73, 0.72], "twp": [0.8, 0.82, 0.83]}
    strategies = {name: {"average_performance": {"runs": values}} for name, values in runs.items()}
    assert continual_report._verdict({**result, "strategies": strategies}, True) == [text]
    networks = [{"name": "lsp", "loss": {}, "against_alone": test}, {"name": "alone", "loss": None}]
    networks[1]["against_alone"] = None
    (statement,) = distill_report._verdict({**result, "networks": networks}, True)
    assert statement.startswith("lsp: gain against the student alone 10.00 points")
