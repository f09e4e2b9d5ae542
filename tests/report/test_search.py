import pytest

from graphkit.report import search_progress


def test_the_best_score_so_far_and_the_test_scores() -> None:
    test = {"mean": 0.7, "std": 0.01, "runs": [0.69, 0.71]}
    trials = [{"validation": value} for value in (0.6, None, 0.5, 0.8)]
    result = {"metric": "accuracy", "maximize": True, "models": {"gcn": {"trials": trials, "test": test}}}
    trial_axis, test_axis = search_progress(result, percent=True).axes
    dots, line = trial_axis.lines
    assert list(dots.get_xdata()) == [0, 2, 3] and list(line.get_ydata()) == pytest.approx([60, 60, 80])
    assert [label.get_text() for label in test_axis.get_yticklabels()] == ["gcn"]
    line = search_progress({**result, "maximize": False}).axes[0].lines[1]
    assert list(line.get_ydata()) == [0.6, 0.5, 0.5]
