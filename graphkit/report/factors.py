"""Pictures of factor graphs: beside the true patterns where these are known, and by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkit.report.layout import node_positions
from graphkit.report.style import INK, LINE, MUTED, SERIES, WRONG, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Match:
    """A true pattern of a graph and the factor that it was matched to.

    Args:
        name: Name of the pattern.
        mask: ``[e]`` bool, the edges of the pattern.
        factor: The factor; -1 for none.
        distance: Edit distance between the two.
    """

    name: str
    mask: np.ndarray
    factor: int
    distance: float


@dataclass(frozen=True)
class FactorExample:
    """A small graph with its factor coefficients.

    Args:
        title: What the graph is called.
        edges: ``[e, 2]``, every undirected edge once.
        values: ``[e, M]``, its coefficient in every factor.
        matches: True patterns, where they are known.
        center: A node to mark.
    """

    title: str
    edges: np.ndarray
    values: np.ndarray
    matches: tuple[Match, ...] = field(default=())
    center: int | None = None


def found_beside_true(examples: Sequence[FactorExample]) -> "Figure":
    """Returns a picture of each graph, of its true patterns, and below each the factor graph it was matched to.

    The nodes of a graph stand in the same place in all of its pictures. As in the edit distance, of a factor graph as
    many of its strongest edges are taken as the pattern has: those that belong to the pattern are in the factor's
    color, the others dashed, and edges of the pattern that are missing are dotted. Width and opacity follow the
    coefficient.
    """
    columns = sum(len(example.matches) for example in examples)
    layouts = [node_positions(example.edges) for example in examples]
    height = max(_height(places) for places in layouts)
    with style():
        figure = new_figure(max(1.75 * columns, 3.6), 1.3 + 3 * 1.5 * height)
        grid = figure.add_gridspec(3, columns, height_ratios=(1.0, 1.0, 1.12))
        column = 0
        for example, places in zip(examples, layouts, strict=True):
            width = len(example.matches)
            axis = figure.add_subplot(grid[0, column : column + width])
            _graph(axis, example.edges, places, [(np.ones(len(example.edges), bool), MUTED, "-", 1.2, 0.9)])
            axis.set_title(example.title, fontweight="bold")
            for match in example.matches:
                top, bottom = (figure.add_subplot(grid[row, column]) for row in (1, 2))
                layers = [(~match.mask, LINE, "-", 0.8, 1.0), (match.mask, INK, "-", 1.8, 1.0)]
                _graph(top, example.edges, places, layers)
                top.set_title(match.name)
                _found(bottom, example, match, places)
                column += 1
        _row_names(figure, ("input", "true pattern", "factor found"))
        _legend(figure)
        return figure


def factor_graphs(examples: Sequence[FactorExample]) -> "Figure":
    """Returns a row of pictures per graph: the graph, and each of its factor graphs.

    Width and opacity of an edge follow its coefficient.
    """
    count = examples[0].values.shape[1]
    shown = min(count, len(SERIES))
    with style():
        layouts = [node_positions(example.edges) for example in examples]
        heights = [0.35 + 1.8 * _height(places) for places in layouts]
        figure = new_figure(1.95 * (shown + 1), sum(heights))
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
    """Returns the distribution of the first layer's coefficients ``[E, M]`` of each factor over all edges.

    Args:
        values: Coefficients between 0 and 1.
    """
    shown = min(values.shape[1], len(SERIES))
    with style():
        figure = new_figure(max(2.3 * shown, 4.0), 2.3)
        axes = figure.subplots(1, shown, sharey=True, squeeze=False)[0]
        for factor, axis in enumerate(axes):
            weights = np.full(len(values), 100 / max(len(values), 1))
            axis.hist(values[:, factor], bins=np.linspace(0, 1, 26), weights=weights, color=SERIES[factor], alpha=0.85)
            mean = f" · mean {values[:, factor].mean():.2f}" if len(values) else ""
            axis.set_title(f"factor {factor}{mean}")
            axis.set(xlim=(0, 1), xlabel="coefficient, layer 1")
            axis.grid(True, axis="y")
            axis.set_axisbelow(True)
        axes[0].set_ylabel("share of edges (%)")
        return figure


def _found(axis: "Axes", example: FactorExample, match: Match, places: dict[int, np.ndarray]) -> None:
    """Draws the factor graph that a pattern was matched to."""
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
    """Draws edges layer by layer (which, color, line, widths, opacities) and the nodes above them."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    segments = np.array([[places[int(a)], places[int(b)]] for a, b in edges]).reshape(-1, 2, 2)
    thin = min(1.0, (60 / max(len(edges), 1)) ** 0.5)  # many edges are drawn finer
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
    axis.set_aspect("equal", adjustable="datalim")  # all boxes of a row keep one size
    axis.set_axis_off()


def _height(places: dict[int, np.ndarray]) -> float:
    """Returns how high a drawing is where it is one unit wide, with some room around it."""
    return max(float(np.ptp([point[1] for point in places.values()])), 0.25) + 0.12 if places else 0.25


def _row_names(figure: "Figure", names: Sequence[str]) -> None:
    """Writes the name of each row at the left of its first picture."""
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


def _legend(figure: "Figure") -> None:
    """Explains the lines of the factor graphs."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=SERIES[0], linewidth=2.2, label="found, in the pattern"),
        Line2D([], [], color=WRONG, linewidth=2.2, linestyle="--", label="found, not in the pattern"),
        Line2D([], [], color=SERIES[0], linewidth=1.1, linestyle=":", label="missed"),
        Line2D([], [], color=LINE, linewidth=1.4, label="other edge"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if figure.get_figwidth() < 6 else 4)
