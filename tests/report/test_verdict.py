"""Verdict of a report: statements on seeds, floors, epochs, factors and attention."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.experiments import RunFolder, open_run
from graphkit.metrics import paired_test
from graphkit.report import (
    collect,
    collect_clips,
    collect_paths,
    continual_report,
    distill_report,
    report,
    search_report,
)
from graphkit.report.verdict import _same_factors, difference_statement, note_statements, verdict
from tests.fitting import fit


def test_one_seed_and_notes(plain_run: Path) -> None:
    statements = results(open_run(plain_run), notes=["the best epoch is the last one; train longer"])
    assert statements[0].startswith("One seed: no claim")
    assert statements[1] == "The best epoch is the last one; train longer."


def test_several_seeds_need_a_baseline(factor_run: Path) -> None:
    run = open_run(factor_run)
    (statement,) = [text for text in verdict(run) if "seed" in text]
    assert statement == (
        "2 seeds without a baseline: no claim about differences. "
        "Compare the run with one: graphkit report factors BASELINE."
    )
    assert not any("without a baseline" in text for text in verdict(run, [run]))


def results(run: RunFolder, **keys: Any) -> list[str]:
    run.result = {**run.result, **keys}
    return verdict(run)


def test_predictions_of_one_class(plain_run: Path) -> None:
    rows = [{"name": name, "precision": None, "recall": None, "f1": None, "count": 10} for name in ("cat", "dog")]
    statements = results(open_run(plain_run), classes=rows, confusion=[[10, 0], [5, 0]])
    assert "No better than predicting the class cat for all test items (66.7 %)." in statements
    assert "Never predicted: class dog." in statements
    assert "Never predicted: classes cat, dog." in results(
        open_run(plain_run), classes=[*rows, {**rows[0], "name": "owl"}], confusion=[[0, 0, 9], [0, 0, 5], [0, 0, 9]]
    )
    statements = results(open_run(plain_run), classes=rows, confusion=[[10, 0], [1, 4]])
    assert not any("predict" in text for text in statements)


def test_floors(plain_run: Path) -> None:
    run = open_run(plain_run)
    scores: dict[str, Any] = {"metric": "mae", "test": {"mean": 0.5, "std": 0.0, "runs": [0.5]}}
    low = results(run, **scores, floors={"last-value": {"mae": 0.4}, "mean": {"mae": 0.9}})
    assert [text for text in low if "floor" in text] == ["No better than 1 of 2 floors: mae 0.5000, last value 0.4000."]
    (single,) = [text for text in results(run, **scores, floors={"mean": {"mae": 0.4}}) if "floor" in text]
    assert single == "No better than the floor: mae 0.5000, mean 0.4000."
    area: dict[str, Any] = {"metric": "roc-auc", "test": {"mean": 0.5, "std": 0.0, "runs": [0.5]}}
    (single,) = [text for text in results(run, **area, floors={"katz": {"roc-auc": 0.7}}) if "floor" in text]
    assert single == "No better than the floor: roc-auc 50.00 %, katz 70.00 %."
    run = open_run(plain_run)
    scores["scores"] = {"micro-f1": {"mean": 0.0}}
    assert "No label is predicted for any test item" in "".join(results(run, **scores))
    del scores["scores"]
    flat = results(run, **scores, scores={"r2": {"mean": 0.04}})
    assert "Explains 4 % of the variance of the targets: little better than their mean." in flat


def test_equal_factors(factor_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, view = open_run(factor_run), collect.factor_view
    values = torch.rand(50, 4, generator=torch.Generator().manual_seed(0)).numpy()

    def texts() -> list[str]:
        monkeypatch.setattr(collect, "factor_view", lambda fit: view(fit)._replace(coefficients=values))
        return [text for text in verdict(run) if "of the first layer" in text]

    assert texts() == []
    values[:, 2] = 0.5 * values[:, 0]
    assert texts() == ["Factors 0 and 2 of the first layer are the same (cosine 1.00)."]
    values[:, 3] = 0.2 * values[:, 0]
    assert texts() == ["Factors 0, 2 and 3 of the first layer are the same (cosine ≥ 1.00)."]
    values[:, 1] = 1e-3
    assert texts()[-1] == "Factor 1 of the first layer has no edges (coefficients below 0.01)."
    values[:] = 0.5
    assert texts() == ["All 4 factors of the first layer are the same (cosine ≥ 0.99)."]


def test_factors_of_a_group_are_equal_pairwise() -> None:
    pair = "Factors {} of the first layer are the same (cosine {})."
    assert _same_factors([(0.991, 1, 0), (0.996, 2, 1)]) == [pair.format("1 and 2", "1.00")]
    chain = [(0.997, 1, 0), (0.992, 2, 1), (0.996, 3, 2)]
    assert _same_factors(chain) == [pair.format("0 and 1", "1.00"), pair.format("2 and 3", "1.00")]
    assert _same_factors([*chain, (0.99, 2, 0)])[0] == pair.format("0 and 1", "1.00")
    assert _same_factors([(0.991, 1, 0), (0.992, 2, 1), (0.993, 2, 0)]) == [pair.format("0, 1 and 2", "≥ 0.99")]
    assert "≥ 0.99)" in _same_factors([(0.996, 1, 0), (0.998, 2, 1), (0.997, 2, 0)])[0]  # a bound is rounded down
    assert _same_factors([]) == []


def test_uniform_attention(tmp_path: Path) -> None:
    fit({"model": {"name": "spagan"}, "data": {"name": "karate"}, "train": {"epochs": 1}}, tmp_path / "run")
    run = open_run(tmp_path / "run")

    def scale(factor: float) -> None:
        with torch.no_grad():
            for name, parameter in run.best.model.named_parameters():
                if "att" in name:
                    parameter.mul_(factor)

    scale(20)
    assert (collect_paths.attention_deviation(run.best, 500) or 0) > 0.02
    assert not any("Attention" in text for text in verdict(run))
    scale(0)
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
    strategies: dict[str, Any] = {name: {"average_performance": {"runs": values}} for name, values in runs.items()}
    assert continual_report._verdict({**result, "strategies": strategies}, True) == [text]
    strategies["fine-tune"]["average_forgetting"] = {"mean": -0.012}
    (_, little) = continual_report._verdict({**result, "strategies": strategies}, True)
    assert little.startswith("Fine-tuning forgets little (AF -1.20 points)")
    networks: list[dict[str, Any]] = [
        {"name": "teacher", "loss": None, "against_alone": None, "test": {"mean": 0.7}},
        {"name": "alone", "loss": None, "against_alone": None, "test": {"mean": 0.7}},
        {"name": "lsp", "loss": {}, "against_alone": test, "test": {"mean": 0.8}},
    ]
    first, second = distill_report._verdict({**result, "networks": networks}, True)
    assert first.startswith("lsp: gain against the student alone 10.00 points")
    assert second == "The teacher is no better than the student alone: it has little to transfer."
    networks[0]["test"] = {"mean": 0.9}
    assert distill_report._verdict({**result, "networks": networks}, True) == [first]


def test_statements_of_a_search() -> None:
    test = paired_test([0.7, 0.73, 0.72], [0.8, 0.82, 0.83])._asdict()
    models = {
        "gcn": {"against_best": None, "half": 1, "chosen": 1},
        "mlp": {"against_best": test, "half": 0, "chosen": 3},
    }
    result = {"metric": "accuracy", "maximize": True, "seeds": [0, 1, 2], "selected_on": "validation", "trials": 4}
    loss, longer = search_report._verdict({**result, "models": models, "chosen": "gcn"}, True)
    assert loss.startswith("mlp: loss against gcn 10.00 points, p = 0.00")
    assert longer == "mlp: the second half of the trials found better settings; search longer: --trials 8."


def test_the_level_is_divided_by_the_number_of_tests() -> None:
    test = paired_test([0.80, 0.82, 0.86], [0.74, 0.79, 0.77])._asdict()
    assert 0.05 / 3 < test["p"] < 0.05 * 1.5
    test["p"] = 0.03
    assert difference_statement(test, "gcn", True).endswith("significant at the level 0.05.")
    text = difference_statement(test, "gcn", True, tests=3)
    assert text.endswith("not significant at the level 0.017 (0.05 / 3 tests).")


def test_notes_name_their_networks() -> None:
    note = "the best epoch is the last one (2); train longer: --epochs 4"
    results = {"alone": {"notes": [note]}, "kd": {"notes": [note]}, "teacher": {}}
    assert note_statements(results) == [f"alone, kd: {note}."]
    assert note_statements({"": {"notes": ["one note"]}}) == ["One note."]


def test_a_model_without_edges_is_a_floor(tmp_path: Path, plain_run: Path) -> None:
    fit({"model": {"name": "mlp"}, "data": {"name": "karate"}, "train": {"epochs": 3}}, tmp_path / "mlp")
    run, floor = open_run(plain_run), open_run(tmp_path / "mlp")
    for which, mean in ((run, 0.7), (floor, 0.8)):
        which.result = {**which.result, "test": {"mean": mean, "std": 0.0, "runs": [mean]}}
    assert "No better than mlp, which ignores the edges." in verdict(run, [floor])
    assert not any("edges" in text for text in verdict(floor, [run]))


def test_probabilities_that_are_no_frequencies(plain_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = torch.zeros(10, dtype=torch.long)

    def texts(confidence: float) -> list[str]:
        probability = torch.tensor([[confidence, 1 - confidence]]).repeat(10, 1)
        monkeypatch.setattr(collect, "class_outputs", lambda fit: (probability, probability, y))
        return [text for text in verdict(open_run(plain_run)) if text.startswith("Probabilities")]

    assert texts(0.95) == []
    assert texts(0.6) == [
        "Probabilities are too low (mean 60 %, accuracy 100 %): they rank the classes, but are not frequencies."
    ]


def test_few_items_say_nothing_about_probabilities(plain_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def texts(count: int) -> list[str]:
        probability = torch.tensor([[0.65, 0.35]]).repeat(count, 1)
        y = (torch.arange(count) % 5 > 3).long()
        monkeypatch.setattr(collect, "class_outputs", lambda fit: (probability, probability, y))
        return [text for text in verdict(open_run(plain_run)) if text.startswith("Probabilities")]

    assert texts(5) == []  # 80 % of 5 items have a standard error of 21 points
    assert texts(100)[0].startswith("Probabilities are too low (mean 65 %, accuracy 80 %)")


def test_factors_that_training_does_not_improve(plain_run: Path) -> None:
    def texts(distance: float) -> list[str]:
        statements = results(open_run(plain_run), ged_e={"mean": distance}, untrained_ged_e={"mean": 7.5})
        return [text for text in statements if "untrained" in text]

    assert texts(7.0) == []
    assert texts(7.75) == [
        "Factors are no closer to the true patterns than those of the untrained model: GED_E 7.75, untrained 7.50."
    ]


def test_equal_scores_are_no_gain() -> None:
    test = paired_test([0.8, 0.8], [0.8, 0.8])._asdict()
    assert difference_statement(test, "gcn", percent=True) == "No difference to gcn, 2 shared seeds: no claim."
    text = difference_statement(test, "the student alone", percent=True, subject="kd", tests=2)
    assert text == "kd: no difference to the student alone, 2 shared seeds: no claim."
    small = {"difference": 2e-5, "p": 0.5, "pairs": 3}
    assert difference_statement(small, "gcn", percent=True).startswith("No difference to gcn, p = 0.500")
    text = difference_statement({**small, "p": 0.01}, "gcn", percent=True)
    assert text.startswith("Gain against gcn 0.00 points, p = 0.010, 3 shared seeds: significant")


def test_learned_graphs_without_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"name": "stigcn", "channels": [4], "blocks": [1]}
    data = {"name": "synthetic-skeleton", "num_clips": 12}
    fit({"model": model, "data": data, "train": {"epochs": 1}}, tmp_path / "run")
    run = open_run(tmp_path / "run")
    graphs = collect_clips.learned_graphs(run.best)
    for factor, count in ((1e-9, 1), (1e9, 0)):
        scaled = [graph._replace(added=factor * graph.added) for graph in graphs]
        monkeypatch.setattr(collect_clips, "learned_graphs", lambda fit, scaled=scaled: scaled)
        assert sum("no effect yet" in text for text in verdict(run)) == count
