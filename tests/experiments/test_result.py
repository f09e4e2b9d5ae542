import re
from pathlib import Path
from typing import Any, TypedDict

import pytest

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.training.run_result import Scores, check_result, combine, summary
from tests.fitting import train_config

CONFIG = train_config({"model": {"name": "gin"}})

CURVES = [[0.7, 0.8, 0.75], [0.6, 0.7, 0.85], [0.65, 0.9, 0.84]]


def dataset() -> GraphDataset:
    return GraphDataset("toy", "graph-classification", (), (), 1, 2, "accuracy", protocol="fold")


def fits(seed: int = 0) -> list[dict[str, Any]]:
    common = {"seed": seed, "parameters": 9, "seconds": 1.0, "extras": {}, "test": 0.0, "validation": None, "epoch": 3}
    return [{**common, "curve": curve} for curve in CURVES]


def test_deviation_over_seeds_is_that_of_a_sample() -> None:
    assert summary([1.0, 2.0, None]) == {"mean": 1.5, "std": pytest.approx(0.5**0.5), "runs": [1.0, 2.0]}
    assert summary([2.0]) == {"mean": 2.0, "std": 0.0, "runs": [2.0]}
    assert summary([None]) is None


def test_ten_folds_are_read_at_the_epoch_that_is_best_on_average() -> None:
    result = combine(CONFIG, dataset(), fits(), Path("run"), 1.0)
    assert result["test"]["mean"] == pytest.approx(0.813333333333, abs=1e-9)
    assert result["test"]["std"] == pytest.approx(0.0449691252108, abs=1e-9)
    assert result["test"]["runs"] == [0.75, 0.85, 0.84] and result["epochs"] == [3]
    assert result["selected_on"] == "fold" and result["validation"] is None


def test_several_seeds_of_folds_give_one_value_each() -> None:
    result = combine(CONFIG, dataset(), fits(0) + fits(1), Path("run"), 1.0)
    assert result["test"]["runs"] == [pytest.approx(0.8133333)] * 2 and result["test"]["std"] == 0
    assert result["seeds"] == [0, 1] and result["epochs"] == [3, 3] and result["seconds"] == 6


class _Kind(TypedDict):
    name: str
    scores: Scores | None
    table: list[list[float | None]]
    options: dict[str, int]


def test_a_result_is_checked_by_type_hints() -> None:
    scores = {"mean": 0.5, "std": 0, "runs": [0.5]}
    good = {"name": "a", "scores": scores, "table": [[1.0, None]], "options": {"k": 1}, "more": object()}
    check_result(good, _Kind, Path("r.json"))
    check_result({**good, "scores": None}, _Kind, Path("r.json"))
    for changes, message in (
        ({"name": 5}, "`name` must be text"),
        ({"scores": {"mean": 0.5, "std": 0}}, "it has no `scores.runs`"),
        ({"scores": {**scores, "mean": True}}, "`scores.mean` must be a finite number"),
        ({"scores": {**scores, "std": float("nan")}}, "`scores.std` must be a finite number"),
        ({"table": [[1.0], ["x"]]}, "`table[1][0]` must be a finite number"),
        ({"table": {}}, "`table` must be a list"),
        ({"options": {"k": 1.5}}, "`options.k` must be a whole number"),
    ):
        with pytest.raises(InputError, match=re.escape(f"'r.json' is damaged ({message})")):
            check_result({**good, **changes}, _Kind, Path("r.json"))
    with pytest.raises(InputError, match="must hold keys and values"):
        check_result([], _Kind, Path("r.json"))
