import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from graphkit.report import FactorExample, Match, coefficient_histograms, factor_graphs, found_beside_true

EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]])
VALUES = np.array([[0.9, 0.2], [0.8, 0.1], [0.1, 0.3], [0.7, 0.9], [0.2, 0.8]])
FIRST = Match("path", np.array([True, True, True, False, False]), 0, 4)
SECOND = Match("wedge", np.array([False, False, False, True, True]), 1, 0)


def segments(axis: Axes) -> list[int]:
    """The number of edges in each of the layers that are drawn."""
    return [len(layer.get_segments()) for layer in axis.collections if isinstance(layer, LineCollection)]


def axis_titled(figure: object, title: str) -> Axes:
    return next(axis for axis in figure.axes if axis.get_title() == title)  # type: ignore[attr-defined]


def test_found_factors_stand_below_the_true_patterns() -> None:
    figure = found_beside_true([FactorExample("graph 7", EDGES, VALUES, (FIRST, SECOND))])
    assert [axis.get_title() for axis in figure.axes] == ["graph 7", "path", "factor 0", "wedge", "factor 1"]
    assert segments(axis_titled(figure, "path")) == [2, 3]  # other edges, edges of the pattern
    # of the three strongest, two are right; one edge is missed, one is neither
    assert segments(axis_titled(figure, "factor 0")) == [1, 1, 1, 2]
    assert segments(axis_titled(figure, "factor 1")) == [3, 2]
    captions = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert "edit distance 4" in captions and "edit distance 0" in captions


def test_the_rows_are_named_and_the_lines_explained() -> None:
    figure = found_beside_true([FactorExample("g", EDGES, VALUES, (FIRST, SECOND))] * 2)
    captions = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert [captions.count(name) for name in ("input", "true pattern", "matched factor")] == [2, 2, 2]
    assert len(figure.subfigs) == 2
    assert [text.get_text() for text in figure.subfigs[1].legends[0].get_texts()][-1] == "other edge"


def test_a_pattern_without_a_factor_is_said_so() -> None:
    left_over = Match("path", FIRST.mask, -1, 6)
    figure = found_beside_true([FactorExample("g", EDGES, VALUES, (left_over, SECOND))])
    assert not segments(axis_titled(figure, "no factor left"))


def test_width_and_opacity_follow_the_coefficient() -> None:
    figure = factor_graphs([FactorExample("g", EDGES, VALUES, center=2)])
    layer = axis_titled(figure, "factor 1 · mean 0.46").collections[0]
    order = VALUES[:, 1].argsort()
    assert (np.diff(np.array(layer.get_linewidths())[order]) > 0).all()
    assert (np.diff(layer.get_colors()[order, 3]) > 0).all()


def test_a_graph_without_edges_is_drawn() -> None:
    figure = factor_graphs([FactorExample("g", np.zeros((0, 2), dtype=int), np.zeros((0, 3)))])
    assert "factor 2 · no edges" in [axis.get_title() for axis in figure.axes]


def test_histograms_show_shares_of_edges() -> None:
    figure = coefficient_histograms(VALUES)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert abs(sum(heights) - 100) < 1e-6 and len(figure.axes) == 2
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
