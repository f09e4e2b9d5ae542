"""Figures of factor graphs, with and without true patterns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkit.report.layout import node_positions
from graphkit.report.style import INK, LINE, MUTED, SERIES, WRONG, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


@dataclass(frozen=True)
class Match:
    """True pattern of a graph and its matched factor.

    Args:
        name (str): Name of the pattern.
        mask (array): ``[e]`` bool, edges of the pattern.
        factor (int): The factor; -1 for none.
        distance (int): Edit distance between the two.
    """

    name: str
    mask: np.ndarray
    factor: int
    distance: float


@dataclass(frozen=True)
class FactorExample:
    """Small graph with factor coefficients.

    Args:
        title (str): Title.
        edges (array): ``[e, 2]``, undirected edges without duplicates.
        values (array): ``[e, M]``, coefficients of all factors.
        matches (tuple[Match, ...], optional): True patterns. (default: ``()``)
        center (int, optional): Node to mark. (default: ``None``)
    """

    title: str
    edges: np.ndarray
    values: np.ndarray
    matches: tuple[Match, ...] = field(default=())
    center: int | None = None


def found_beside_true(examples: Sequence[FactorExample]) -> "Figure":
    """Draws each graph, its true patterns, and the matched factor graphs below.

    As in the edit distance, a factor graph has as many edges as the pattern, those with the largest coefficients. Edges
    of the pattern are drawn in the color of the factor, others dashed, and missing edges dotted. Width and opacity show
    the coefficient. Node positions are the same in all drawings of a graph.

    Args:
        examples (list[FactorExample]): Graphs with true patterns.
    """
    layouts = [node_positions(example.edges) for example in examples]
    height = max(_height(places) for places in layouts)
    with style():
        widths = [max(1.75 * len(example.matches), 3.6) for example in examples]
        figure = new_figure(sum(widths), 1.5 + 3 * 1.5 * height)
        for panel, example, places in zip(panels(figure, 1, len(examples), widths), examples, layouts, strict=True):
            grid = panel.add_gridspec(3, len(example.matches), height_ratios=(1.0, 1.0, 1.12))
            axis = panel.add_subplot(grid[0, :])
            _graph(axis, example.edges, places, [(np.ones(len(example.edges), bool), MUTED, "-", 1.2, 0.9)])
            axis.set_title(example.title, fontweight="bold")
            for column, match in enumerate(example.matches):
                top, bottom = (panel.add_subplot(grid[row, column]) for row in (1, 2))
                layers = [(~match.mask, LINE, "-", 0.8, 1.0), (match.mask, INK, "-", 1.8, 1.0)]
                _graph(top, example.edges, places, layers)
                top.set_title(match.name)
                _found(bottom, example, match, places)
            _row_names(panel, ("input", "true pattern", "matched factor"))
            _legend(panel)
        return figure


def factor_graphs(examples: Sequence[FactorExample]) -> "Figure":
    """Draws one row per graph: the graph and its factor graphs.

    Width and opacity of an edge show its coefficient.

    Args:
        examples (list[FactorExample]): The graphs.
    """
    count = examples[0].values.shape[1]
    shown = min(count, len(SERIES))
    with style():
        layouts = [node_positions(example.edges) for example in examples]
        cell = min(10.8 / (shown + 1), 2.7)
        heights = [0.35 + 0.92 * cell * _height(places) for places in layouts]
        figure = new_figure(cell * (shown + 1), sum(heights))
        axes = figure.subplots(len(examples), shown + 1, squeeze=False, height_ratios=heights)
        for row, example, places in zip(axes, examples, layouts, strict=True):
            every = np.ones(len(example.edges), bool)
            _graph(row[0], example.edges, places, [(every, MUTED, "-", 1.0, 0.9)], center=example.center)
            row[0].set_title(example.title, fontweight="bold")
            for factor in range(shown):
                axis, value = row[factor + 1], example.values[:, factor]
                layer = (every, SERIES[factor], "-", 0.3 + 2.6 * value, 0.06 + 0.94 * value)
                _graph(axis, example.edges, places, [layer], center=example.center)
                mean = f"mean {value.mean():.2f}" if len(value) else "no edges"
                axis.set_title(f"factor {factor} · {mean}")
        return figure


def coefficient_histograms(values: np.ndarray) -> "Figure":
    """Draws histograms of the coefficients of each factor.

    Args:
        values (array): ``[E, M]``, coefficients between 0 and 1.
    """
    shown = min(values.shape[1], len(SERIES))
    with style():
        columns = min(shown, 4)
        rows = -(-shown // columns)
        figure = new_figure(10.8, 2.4 * rows)
        axes = [panel.subplots() for panel in panels(figure, rows, columns)[:shown]]
        for factor, axis in enumerate(axes):
            weights = np.full(len(values), 100 / max(len(values), 1))
            axis.hist(values[:, factor], bins=25, range=(0, 1), weights=weights, color=SERIES[factor], alpha=0.85)
            mean = f" · mean {values[:, factor].mean():.2f}" if len(values) else ""
            axis.set_title(f"factor {factor}{mean}")
            axis.set(xlim=(0, 1), xlabel="coefficient, layer 1")
            axis.grid(True, axis="y")
            axis.set_axisbelow(True)
            axis.set_ylabel("share of edges (%)")
        top = max(axis.get_ylim()[1] for axis in axes)
        for axis in axes:
            axis.set_ylim(0, top)
        return figure


def _found(axis: "Axes", example: FactorExample, match: Match, places: dict[int, np.ndarray]) -> None:
    """Draws the factor graph that is matched to a pattern."""
    if match.factor < 0:
        axis.set_axis_off()
        axis.set_title("no factor left")
        return
    value = example.values[:, match.factor]
    kept = np.zeros(len(value), bool)
    kept[np.argsort(-value, kind="stable")[: int(match.mask.sum())]] = True
    color = SERIES[match.factor % len(SERIES)]
    width, alpha = 0.4 + 2.4 * value, 0.2 + 0.8 * value
    layers: list[Layer] = [
        (~kept & ~match.mask, LINE, "-", 0.4 + 1.2 * value, 1.0),
        (~kept & match.mask, color, ":", 1.1, 0.9),
        (kept & ~match.mask, WRONG, "--", width, alpha),
        (kept & match.mask, color, "-", width, alpha),
    ]
    _graph(axis, example.edges, places, layers)
    axis.set_title(f"factor {match.factor}", color=color, fontweight="bold")
    axis.text(
        0.5, -0.02, f"edit distance {match.distance:g}", transform=axis.transAxes, ha="center", va="top", fontsize=8.5
    )


Layer = tuple[np.ndarray, str, str, Any, Any]


def _graph(
    axis: "Axes", edges: np.ndarray, places: dict[int, np.ndarray], layers: Sequence[Layer], center: int | None = None
) -> None:
    """Draws edges in layers (mask, color, style, widths, opacities), then nodes."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    segments = np.array([[places[int(a)], places[int(b)]] for a, b in edges]).reshape(-1, 2, 2)
    thin = min(1.0, (60 / max(len(edges), 1)) ** 0.5)  # thinner lines for many edges
    for mask, color, line, widths, opacities in layers:
        if mask.any():
            width, opacity = (np.broadcast_to(value, mask.shape)[mask] for value in (widths * thin, opacities))
            colors = [to_rgba(color, float(alpha)) for alpha in opacity]
            axis.add_collection(LineCollection(list(segments[mask]), colors=colors, linewidths=width, linestyles=line))
    points = np.array([places[node] for node in sorted(places)]).reshape(-1, 2)
    size = 16 if len(points) <= 40 else 6
    axis.scatter(points[:, 0], points[:, 1], s=size, color=INK, linewidths=0, zorder=3)
    if center is not None and center in places:
        axis.scatter(
            places[center][0],
            places[center][1],
            s=4 * size,
            facecolors="none",
            edgecolors=INK,
            linewidths=1.2,
            zorder=4,
        )
    half = 0.5 * _height(places)
    axis.update_datalim([(-0.06, 0.5 - half), (1.06, 0.5 + half)])
    axis.margins(0)
    axis.set_aspect("equal", adjustable="datalim")  # keeps the size of all axes in a row
    axis.set_axis_off()


def _height(places: dict[int, np.ndarray]) -> float:
    """Returns the height of a drawing of unit width, with margins."""
    return max(float(np.ptp([point[1] for point in places.values()])), 0.25) + 0.12 if places else 0.25


def _row_names(figure: "SubFigure", names: Sequence[str]) -> None:
    """Labels each row at the left of its first drawing."""
    firsts: dict[int, Axes] = {}
    for axis in figure.axes:
        spec = axis.get_subplotspec()
        if spec is not None and spec.is_first_col():
            firsts.setdefault(spec.rowspan.start, axis)
    for row, axis in firsts.items():
        axis.annotate(
            names[row],
            (0, 0.5),
            xycoords="axes fraction",
            xytext=(-8, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="center",
            color=MUTED,
            annotation_clip=False,
        )


def _legend(figure: "SubFigure") -> None:
    """Adds the legend of the factor graphs."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=SERIES[0], linewidth=2.2, label="found, in the pattern"),
        Line2D([], [], color=WRONG, linewidth=2.2, linestyle="--", label="found, not in the pattern"),
        Line2D([], [], color=SERIES[0], linewidth=1.1, linestyle=":", label="missed"),
        Line2D([], [], color=LINE, linewidth=1.4, label="other edge"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
