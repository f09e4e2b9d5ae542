from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from graphkit.experiments import build_config
from graphkit.report import ScoreRow, score_comparison, scores
from graphkit.report.page import Table, Tile
from graphkit.report.score_figure import recipe_rows

RESULT: dict[str, Any] = {
    "metric": "accuracy",
    "test": {"mean": 0.82125, "std": 0.0075, "runs": [0.81, 0.83]},
    "validation": {"mean": 0.8, "std": 0.01, "runs": [0.79, 0.81]},
    "selected_on": "validation",
    "seeds": [0, 1],
    "parameters": 23959,
    "seconds": 130.0,
    "peak_memory_mb": 498.2,
}


def several(mean: float) -> dict[str, Any]:
    return {"mean": mean, "std": 0.1, "runs": [mean, mean]}


def test_means_have_a_deviation_only_over_several_runs() -> None:
    assert scores.spread(RESULT["test"], percent=True) == "82.12 ± 0.75 %"
    assert scores.spread({"mean": 0.366, "std": 0.0, "runs": [0.366]}) == "0.3660"
    assert scores.spread(None) == "–"


def test_headline() -> None:
    tiles = scores.headline(RESULT)
    assert tiles[0] == Tile("test accuracy", "82.12 ± 0.75 %", "epoch chosen on validation")
    assert Tile("runs", "2", "seeds 0, 1") in tiles
    assert Tile("parameters", "23,959") in tiles and Tile("training time", "2.2 min", "in all") in tiles


def test_headline_of_folds() -> None:
    result = {**RESULT, "validation": None, "selected_on": "fold", "seeds": [0]}
    tiles = scores.headline(result)
    assert tiles[0].remark == "epoch chosen on fold"
    assert Tile("folds", "2", "seed 0") in tiles and "validation accuracy" not in [tile.name for tile in tiles]


def test_headline_without_a_test_score() -> None:
    assert scores.headline({**RESULT, "test": None, "validation": None, "selected_on": "last epoch"})[0].name == "runs"


def test_factor_scores_stand_beside_what_they_must_be_read_against() -> None:
    result = {**RESULT, "ged_e": several(9), "c_score": several(0.5), "untrained_ged_e": several(10), "odd": several(1)}
    assert scores.factor_table(result) == Table(
        ["factors", "GED_E ↓", "C-score ↑"],
        [["this model", "9.00 ± 0.10", "0.500 ± 0.100"], ["untrained model", "10.00 ± 0.10", "–"]],
        title="Factors against the true patterns",
    )
    assert scores.factor_table(RESULT) is None
    assert scores.other_scores(result) == Table(("score", "value"), [["odd", "1.0000 ± 0.1000"]])
    assert scores.other_scores(RESULT) is None


def test_durations_and_seeds() -> None:
    assert [scores.duration(seconds) for seconds in (3.21, 600, 7200)] == ["3.2 s", "10.0 min", "2.0 h"]
    result = {**RESULT, "seeds": list(range(3, 13))}
    assert Tile("runs", "2", "seeds 3 to 12") in scores.headline(result)


def test_scores_beside_recipes_and_floors() -> None:
    rows = [
        ScoreRow("gcn, this run", 0.8, 0.01, [0.79, 0.81]),
        ScoreRow("recipe gat, measured", 0.83, is_reference=True),
    ]
    (axis,) = score_comparison(rows, "accuracy", percent=True).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["gcn, this run", "recipe gat, measured"]
    assert axis.get_xlabel() == "test accuracy (%)" and list(axis.lines[0].get_xdata()) == [80, 80]


def test_recipes_of_the_same_data_and_split() -> None:
    data = build_config("train", recipe="gcn-cora").data  # type: ignore[attr-defined]
    run = SimpleNamespace(config=SimpleNamespace(data=data), result={"metric": "accuracy", "selected_on": "validation"})
    rows = {row.name: row for row in recipe_rows(run)}  # type: ignore[arg-type]
    assert rows["recipe gat, measured"].mean == pytest.approx(0.831) and rows["recipe gat, measured"].is_reference
    run.result["metric"] = "macro-f1"
    assert not recipe_rows(run)  # type: ignore[arg-type]
    run.result["metric"], run.config.data = "accuracy", replace(data, split="random")
    assert not recipe_rows(run)  # type: ignore[arg-type]
