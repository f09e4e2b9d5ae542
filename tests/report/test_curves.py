import math

import pytest

from graphkit.report import training_curves


def rows(scores: list[float | None], **more: float) -> list[dict[str, float | None]]:
    return [
        {"epoch": epoch + 1, "loss": 1 / (epoch + 1), "validation": score, "validation_loss": None, **more}
        for epoch, score in enumerate(scores)
    ]


def test_the_mean_stops_where_the_shortest_run_stops() -> None:
    figure = training_curves([rows([0.1, 0.5, 0.9]), rows([0.3, 0.7])], "accuracy", [3, 2], percent=True)
    lines = figure.axes[1].get_lines()
    mean = next(line for line in lines if str(line.get_label()).startswith("validation accuracy"))
    assert mean.get_xdata().tolist() == [1, 2]
    assert mean.get_ydata().tolist() == pytest.approx([20, 60])
    assert len(lines) == 3  # the two runs and their mean


def test_chosen_epochs_are_marked_on_each_curve() -> None:
    figure = training_curves([rows([0.1, 0.5, 0.9]), rows([0.3, 0.7])], epochs=[3, 1])
    marks = figure.axes[1].collections[0].get_offsets().tolist()
    assert marks == [[3, 0.9], [1, 0.3]]


def test_one_epoch_for_all_folds_is_a_line() -> None:
    figure = training_curves([rows([0.1, 0.5]), rows([0.3, 0.7])], "accuracy", [2], "held-out fold")
    assert "chosen epoch 2" in [line.get_label() for line in figure.axes[1].get_lines()]
    assert figure.axes[1].get_ylabel() == "held-out fold accuracy"


def test_without_scores_there_is_one_panel() -> None:
    assert len(training_curves([rows([None, None])]).axes) == 1


def test_values_that_are_not_finite_are_left_out() -> None:
    figure = training_curves([rows([0.1, math.nan, 0.3])])
    assert figure.axes[1].get_lines()[0].get_xdata().tolist() == [1, 3]


def test_no_epoch_at_all() -> None:
    with pytest.raises(ValueError, match="at least one epoch"):
        training_curves([[]])


def test_a_line_stands_between_two_phases() -> None:
    table = [{**row, "phase": 1 + (row["epoch"] > 2)} for row in rows([0.1, 0.5, 0.9])]
    for axis in training_curves([table]).axes:
        assert [line.get_xdata() for line in axis.get_lines() if line.get_linestyle() == ":"] == [[2.5, 2.5]]
    plain = training_curves([rows([0.1, 0.5, 0.9])])
    assert not [line for axis in plain.axes for line in axis.get_lines() if line.get_linestyle() == ":"]


def test_many_runs_are_a_band_of_one_deviation() -> None:
    figure = training_curves([rows([0.1 * number, 0.5]) for number in range(6)], "accuracy")
    axis = figure.axes[1]
    assert len(axis.get_lines()) == 1
    band = axis.collections[0].get_datalim(axis.transData)
    mean, deviation = 0.25, (sum((0.1 * number - 0.25) ** 2 for number in range(6)) / 5) ** 0.5
    assert [band.y0, band.y1] == pytest.approx([mean - deviation, 0.5])
