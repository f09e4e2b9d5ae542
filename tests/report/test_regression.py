import math

import torch

from graphkit.report import scores
from graphkit.report.page import Table
from graphkit.report.regression import POINTS, predicted_values


def test_there_is_a_panel_per_target_without_gaps() -> None:
    y = torch.tensor([[1.0, 5.0], [3.0, math.nan], [2.0, 7.0]])
    figure = predicted_values(y + 1, y, ["cases", "price"])
    axes = figure.axes
    assert [axis.get_title() for axis in axes] == ["cases", "price"]
    assert [axis.collections[0].get_offsets().tolist() for axis in axes] == [
        [[1, 2], [3, 4], [2, 3]],
        [[5, 6], [7, 8]],
    ]
    assert list(axes[0].lines[0].get_xdata()) == list(axes[0].lines[0].get_ydata()) == [1, 3]


def test_a_single_target_has_the_distribution_of_its_errors() -> None:
    y = torch.tensor([[1.0], [3.0], [2.0], [math.nan]])
    _, errors = predicted_values(y + 1, y, ["cases"]).axes
    assert sum(bar.get_height() for bar in errors.patches) == 100
    assert list(errors.lines[0].get_xdata()) == [1, 1]


def test_many_points_and_targets_are_thinned() -> None:
    y = torch.rand(2 * POINTS + 1, 8)
    axes = [axis for axis in predicted_values(y, y).axes if axis.get_visible()]
    assert len(axes) == 6 and len(axes[0].collections[0].get_offsets()) <= POINTS
    assert predicted_values(y[:0], y[:0]).axes[0].collections[0].get_offsets().size == 0


def test_table_of_floors() -> None:
    score = {"mean": 1.5, "std": 0.25, "runs": [1.25, 1.75]}
    result = {"metric": "rmse", "test": score, "floors": {"mean": {"mae": 2.0, "rmse": 3.0, "r2": None}}}
    assert scores.floor_table(result) == Table(
        ["test", "mae ↓", "rmse ↓", "r2 ↑"],
        [["this model", "–", "1.5000 ± 0.2500", "–"], ["mean of the training targets", "2.0000", "3.0000", "–"]],
    )
    assert scores.floor_table({**result, "floors": {}}) is None
    areas = {"metric": "roc-auc", "test": {**score, "mean": 0.5, "std": 0.02}, "floors": {"katz": {"roc-auc": 0.75}}}
    table = scores.floor_table(areas)
    assert table is not None and [row[1] for row in table.rows] == ["50.00 ± 2.00 %", "75.00 %"]
