from pathlib import Path
from typing import Any

import pytest

from graphkit.report import performance_matrices, performance_over_tasks, report
from graphkit.report.continual_report import _searched
from tests.fitting import fit_continual

MATRIX = [[0.9, 0.4, None], [0.8, 0.85, 0.6], [0.7, 0.81, 0.88]]
JOINT = [[None] * 3, [None] * 3, [0.9, 0.91, 0.92]]


def texts(axis: Any) -> list[str]:
    return [text.get_text() for text in axis.texts]


def test_a_map_for_each_strategy_on_one_scale() -> None:
    figure = performance_matrices({"twp": MATRIX, "joint": JOINT}, percent=True)
    first, second = figure.axes[:2]
    assert first.get_title() == "twp" and texts(first) == ["90", "80", "85", "70", "81", "88"]  # not of tasks to come
    assert texts(second) == ["90", "91", "92"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 100)


def test_maps_of_many_tasks_have_no_numbers() -> None:
    big = [[0.5] * 20 for _ in range(20)]
    figure = performance_matrices({"twp": big})
    assert not texts(figure.axes[0]) and [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "11"]


def test_scores_close_together_have_a_digit_more() -> None:
    figure = performance_matrices({"twp": [[0.971, None], [0.962, 0.98]]}, percent=True)
    assert texts(figure.axes[0]) == ["97.1", "96.2", "98.0"]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one score \(got none\)"):
        performance_matrices({"twp": [[None]]})


def test_curves() -> None:
    figure = performance_over_tasks({"twp": MATRIX, "joint": JOINT}, "accuracy", percent=True)
    means, first = figure.axes
    assert list(means.lines[0].get_ydata()) == pytest.approx([90, 82.5, 79.6666667])
    assert list(first.lines[0].get_ydata()) == pytest.approx([90, 80, 70])
    assert list(means.lines[1].get_xdata()) == [3] and means.lines[1].get_marker() == "o"
    assert means.get_ylabel() == "mean accuracy of the tasks so far (%)"


def test_bands_over_seeds() -> None:
    seeds = {"twp": [MATRIX, [[0.8, 0.4, None], [0.7, 0.85, 0.6], [0.5, 0.81, 0.88]]], "joint": [JOINT, JOINT]}
    figure = performance_over_tasks({"twp": MATRIX, "joint": JOINT}, "accuracy", percent=True, seeds=seeds)
    assert [len(axis.collections) for axis in figure.axes] == [1, 1]  # joint training has a single point
    band = figure.axes[1].collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(85 + 50**0.5)
    assert not performance_over_tasks({"twp": MATRIX}).axes[0].collections


def test_one_of_equal_settings_is_marked_as_chosen() -> None:
    tried = [{"options": {"strength": 1.0}, "validation": score} for score in (0.5, 0.5)]
    entry = {"options": {"strength": 1.0}, "search": tried, "half": 0}
    for more, marks in (({"chosen": 0}, ["chosen", ""]), ({}, ["chosen", "chosen"])):  # results of earlier versions
        table = _searched({"strategies": {"twp": {**entry, **more}}}, percent=True)
        assert [row[-1] for row in table.rows] == marks


def test_the_report_of_a_run(tmp_path: Path) -> None:
    config = {
        "model": {"name": "gcn", "hidden_channels": 4},
        "data": {"name": "sbm-continual", "num_classes": 4, "size": 10},
        "train": {"epochs": 2},
        "strategies": {"uniform": {}, "joint": {}},
        "search": True,
    }
    fit_continual(config, tmp_path / "run")
    page = report(tmp_path / "run").read_text(encoding="utf-8")
    for text in ("Continual learning: gcn on sbm-continual", "uniform", "divided by T - 1", "strength: 10.0", "chosen"):
        assert text in page
    assert page.count("<svg") == 4 and page.count('download="') == page.count("<table>") + 2
    assert {path.name for path in (tmp_path / "run" / "figures").iterdir()} == {"matrices.png", "tasks.png"}
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(ValueError, match="has not ended; continue it with: graphkit continual --resume"):
        report(tmp_path / "run")
