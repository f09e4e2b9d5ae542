"""Figures of path attention."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphkit.report.collect_paths import PathExample
from graphkit.report.layout import node_positions
from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Smallest attention weight that is printed.
_NAMED = 0.04


def attended_paths_picture(examples: Sequence[PathExample]) -> "Figure":
    """Draws the attention of nodes to the paths that end at them.

    A disc is the start of a path; its area is the attention weight, its color the number of hops. The width of an edge
    is the total weight of its paths. The node is marked by a ring.

    Args:
        examples (list[PathExample]): The nodes.
    """
    with style():
        layouts = [node_positions(example.edges) for example in examples]
        figure = new_figure(3.6 * len(examples), 3.9)
        longest = max(path.hops for example in examples for path in example.paths)
        for panel, example, places in zip(panels(figure, 1, len(examples)), examples, layouts, strict=True):
            _draw(panel.subplots(), example, places)
            _legend(panel, longest)
        return figure


def attention_distributions(values: Mapping[str, np.ndarray]) -> "Figure":
    """Draws distributions of attention relative to a uniform one.

    Args:
        values (dict): Attention times the number of paths or edges of a node, by title; 1 is uniform.
    """
    everything = np.concatenate([series for series in values.values() if series.size] or [np.ones(1)])
    reach = max(0.1, float(np.quantile(np.abs(everything - 1), 0.98)))
    bins = np.linspace(max(0.0, 1 - reach), 1 + reach, 61)
    with style():
        figure = new_figure(8.2, 2.8)
        (panel,) = panels(figure, 1, 1)
        axis = panel.subplots()
        for number, (title, series) in enumerate(values.items()):
            share, _ = np.histogram(series.clip(bins[0], bins[-1]), bins)
            deviation = float(np.abs(series - 1).mean()) if series.size else 0.0
            label = f"{title}: mean deviation {deviation:.1%}"
            axis.stairs(100 * share / max(series.size, 1), bins, color=SERIES[number], linewidth=1.5, label=label)
        axis.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="uniform")
        axis.set(xlim=(bins[0], bins[-1]), xlabel="attention relative to uniform", ylabel="paths or edges (%)")
        axis.grid(True, axis="y")
        axis.set_axisbelow(True)
        axis.legend()
        return figure


def edge_weights(example: PathExample) -> dict[tuple[int, int], float]:
    """Returns the total weight of the paths along each undirected edge."""
    along: dict[tuple[int, int], float] = {}
    for path in example.paths:
        for a, b in zip(path.nodes[:-1], path.nodes[1:], strict=True):
            if a != b:
                edge = (min(a, b), max(a, b))
                along[edge] = along.get(edge, 0.0) + (path.weight or 0.0)
    return along


def _draw(axis: "Axes", example: PathExample, places: dict[int, np.ndarray]) -> None:
    """Draws the paths of a node."""
    from matplotlib.collections import LineCollection

    along = edge_weights(example)
    rest = [(int(a), int(b)) for a, b in example.edges if (int(a), int(b)) not in along]
    for edges, color, widths in (
        (rest, LINE, [0.8] * len(rest)),
        (list(along), MUTED, [0.8 + 7 * weight for weight in along.values()]),
    ):
        segments = [[places[a], places[b]] for a, b in edges]
        axis.add_collection(LineCollection(segments, colors=color, linewidths=widths, capstyle="round", zorder=1))
    itself = sum(path.weight or 0.0 for path in example.paths if path.is_self)
    ends = [path for path in example.paths if not path.is_self]
    between = [node for node in places if node not in {path.nodes[0] for path in ends} and node != example.center]
    discs = [(node, MUTED, 6.0) for node in between]
    discs += [(path.nodes[0], SERIES[(path.hops - 1) % len(SERIES)], _area(path.weight)) for path in ends]
    discs.append((example.center, INK, _area(itself)))
    points = np.array([places[node] for node, _, _ in discs])
    colors, areas = [color for _, color, _ in discs], [area for _, _, area in discs]
    axis.scatter(points[:, 0], points[:, 1], s=areas, c=colors, linewidths=0, zorder=3)
    x, y = places[example.center]
    axis.scatter([x], [y], s=_area(itself) + 60, facecolors="none", edgecolors=INK, linewidths=1.2, zorder=4)
    named = {path.nodes[0]: path.weight or 0.0 for path in ends if (path.weight or 0.0) >= _NAMED}
    for node, weight in {**named, example.center: itself}.items():
        neighbors = [places[b if a == node else a] for a, b in (*rest, *along) if node in (a, b)]
        above = sum(float(other[1] - places[node][1]) for other in neighbors) <= 1e-6  # away from the edges
        offset = 4.5 + 0.5 * _area(weight) ** 0.5
        axis.annotate(
            f"{example.names[node]}\n{weight:.0%}",
            (float(places[node][0]), float(places[node][1])),
            (0.0, offset if above else -offset),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=6.5,
            linespacing=0.95,
            zorder=5,
        )
    axis.set_title(example.title, fontweight="bold", pad=14)
    axis.margins(0.16, 0.2)
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_axis_off()


def _area(weight: float | None) -> float:
    """Returns the area of a disc in square points."""
    return 8 + 420 * (weight or 0.0)


def _legend(figure: "SubFigure", longest: int) -> None:
    """Adds the legend of colors and markers."""
    from matplotlib.lines import Line2D

    disc = {"linestyle": "", "marker": "o", "markersize": 6, "markeredgewidth": 0}
    handles = [
        Line2D([], [], color=SERIES[hops % len(SERIES)], label=f"{hops + 1} hop{'s' if hops else ''}", **disc)  # type: ignore[arg-type]
        for hops in range(longest)
    ]
    ring = Line2D([], [], linestyle="", marker="o", markerfacecolor=INK, markeredgecolor=INK, label="node itself")
    figure.legend(handles=[*handles, ring], loc="outside lower center", ncols=3, columnspacing=1.2)
