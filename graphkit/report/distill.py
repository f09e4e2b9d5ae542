"""Figures of distillation: score against size and time, and local structures of students against the teacher's."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_against_cost(networks: Sequence[Mapping[str, Any]], metric: str, percent: bool = False) -> "Figure":
    """Returns the scores of all networks on the left, and the best of each kind against size and time on the right.

    Args:
        networks: Entries of a comparison's result: ``name``, ``test``, ``size_bytes`` and ``latency_ms``.
        metric: Name of the score.
        percent: Whether the scores are fractions that read better in per cent.
    """
    scale = 100 if percent else 1
    label = f"test {metric}{' (%)' if percent else ''}"
    with style():
        figure = new_figure(9.6, 0.9 + max(2.3, 0.3 * len(networks)))
        bars, size, time = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
        places = np.arange(len(networks))[::-1]
        for position, entry in zip(places, networks, strict=True):
            test, color = entry["test"], _color(entry["name"])
            mean, std = test["mean"] * scale, test["std"] * scale
            runs = np.asarray(test["runs"]) * scale
            bars.plot(runs, np.full(len(runs), position), "o", color=color, alpha=0.3, markersize=4, markeredgewidth=0)
            bars.errorbar(mean, position, xerr=std, fmt="o", color=color, markersize=6, capsize=3, linewidth=1.4)
        alone = next(entry for entry in networks if entry["name"] == "alone")
        bars.axvline(alone["test"]["mean"] * scale, color=LINE, linewidth=1.2, zorder=0)
        bars.set_yticks(places, [_named(entry["name"]) for entry in networks])
        bars.set(xlabel=label, title="each network, its runs and deviation")
        bars.set_ylim(-0.6, len(networks) - 0.4)
        costs = ((size, "size_bytes", "weights on disk (KiB)", 1 / 1024), (time, "latency_ms", "forward pass (ms)", 1))
        for axis, key, unit, factor in costs:
            apart = 0.02 * max(entry[key] for entry in networks) * factor  # students of one size would hide each other
            for number, entry in enumerate(networks):
                shift = 0.0 if entry["name"] == "teacher" else apart * (number - len(networks) / 2)
                axis.errorbar(
                    entry[key] * factor + shift, entry["test"]["mean"] * scale, yerr=entry["test"]["std"] * scale,
                    fmt="o", color=_color(entry["name"]), markersize=5, linewidth=1.0, capsize=2,
                )  # fmt: skip
            axis.set(xlabel=unit, ylabel=label)
            axis.set_xlim(0, 1.1 * factor * max(entry[key] for entry in networks))
            axis.grid(True)
            axis.set_axisbelow(True)
        return figure


def local_structures(students: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> "Figure":
    """Returns, for each student, what every edge weighs in its eyes against what it weighs in the teacher's.

    Args:
        students: By name, the weights ``[E]`` of the edges into nodes with several, each multiplied by the number of
            edges into its node (1 is what an even distribution gives), of the student and of the teacher.
    """
    limits = [np.quantile(np.concatenate(pair), (0.002, 0.998)) for pair in students.values()]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    low, high = min(low, 0.98), max(high, 1.02)
    with style():
        from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba

        columns = min(len(students), 4)
        rows = -(-len(students) // columns)
        figure = new_figure(2.35 * columns + 0.3, 2.9 * rows)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for number, (axis, (name, (student, teacher))) in enumerate(zip(axes.flat, students.items(), strict=False)):
            color = to_rgba(_color(name))[:3]
            colors = LinearSegmentedColormap.from_list("edges", [(*color, 0.12), (*color, 1.0)])
            bins = np.linspace(low, high, 49)
            axis.hist2d(teacher, student, bins=(bins, bins), cmap=colors, cmin=1, norm=LogNorm())
            axis.plot((low, high), (low, high), color=MUTED, linewidth=0.8)
            axis.set(title=_named(name), xlim=(low, high), ylim=(low, high), aspect="equal")
            axis.set_ylabel("weight in the student" if number % columns == 0 else "")
            axis.set_xlabel("weight in the teacher" if number >= len(students) - columns else "")
            axis.tick_params(labelbottom=True)
            axis.title.set_color(INK)
        for axis in axes.flat[len(students) :]:
            axis.set_visible(False)
        return figure


def _color(name: str) -> str:
    """Returns the color of a network: gray shades for the two that no loss taught."""
    from graphkit.registry import loss_names

    if name in ("teacher", "alone"):
        return INK if name == "teacher" else MUTED
    return SERIES[loss_names().index(name) % len(SERIES)]


def _named(name: str) -> str:
    return "student alone" if name == "alone" else name
