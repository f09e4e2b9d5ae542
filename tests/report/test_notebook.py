"""Figures in notebooks."""

import pickle

from graphkit.report.style import new_figure


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    figure = new_figure(2, 1)
    figure.subplots().plot([0, 1])
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(figure)).get_size_inches().tolist() == [2, 1]
