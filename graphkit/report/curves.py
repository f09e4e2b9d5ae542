"""Training curves: loss and held-out score over epochs."""

import math
from collections.abc import Sequence
from statistics import stdev
from typing import TYPE_CHECKING, Any

from graphkit.errors import InputError
from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Largest number of runs that are drawn as lines; more are drawn as a band.
LINES = 5

Rows = Sequence[dict[str, Any]]


def training_curves(
    runs: Sequence[Rows],
    metric: str = "score",
    epochs: Sequence[int | None] = (),
    held_out: str = "validation",
    percent: bool = False,
) -> "Figure":
    """Draws the curves of one or several runs, and their mean over common epochs.

    Args:
        runs (list): Rows of ``metrics.csv`` per run: ``epoch``, ``loss``, ``validation`` and ``validation_loss``, and
            ``phase`` for training in several phases, whose boundaries are marked.
        metric (str, optional): Name of the metric. (default: ``"score"``)
        epochs (list[int], optional): Selected epoch of each run, or one for all. (default: ``()``)
        held_out (str, optional): Items of the held-out score. (default: ``"validation"``)
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)

    Raises:
        InputError: If no run has an epoch.
    """
    runs = [rows for rows in runs if rows]
    if not runs:
        raise InputError("training curves need at least one epoch (got none)")
    scored = any(row.get("validation") is not None for rows in runs for row in rows)
    with style():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(10.8 if scored else 5.0, 3.1)
        axes = [panel.subplots() for panel in panels(figure, 1, 2 if scored else 1)]
        _draw(axes[0], [_series(rows, "loss") for rows in runs], SERIES[0], "training")
        _draw(axes[0], [_series(rows, "validation_loss") for rows in runs], SERIES[1], held_out)
        axes[0].set(xlabel="epoch", ylabel="loss")
        axes[0].legend()
        if scored:
            scale = 100 if percent else 1
            curves = [_series(rows, "validation", scale) for rows in runs]
            _draw(axes[1], curves, SERIES[2], f"{held_out} {metric}")
            _mark(axes[1], curves, list(epochs))
            axes[1].set(xlabel="epoch", ylabel=f"{held_out} {metric}" + (" (%)" if percent else ""))
            axes[1].legend(loc="best")
        for axis in axes:
            _phases(axis, runs)
            axis.grid(True, axis="y")
            axis.set_axisbelow(True)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.margins(x=0.02)
        return figure


def _series(rows: Rows, key: str, scale: float = 1) -> tuple[list[float], list[float]]:
    """Returns epochs and values of a column, without non-finite values."""
    pairs = [(row["epoch"], row[key] * scale) for row in rows if row.get(key) is not None]
    pairs = [pair for pair in pairs if math.isfinite(pair[1])]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _draw(axis: "Axes", curves: Sequence[tuple[list[float], list[float]]], color: str, label: str) -> None:
    """Draws the mean of the runs, with a line for each or a band of one deviation."""
    curves = [curve for curve in curves if curve[0]]
    if not curves:
        return
    if len(curves) == 1:
        axis.plot(*curves[0], color=color, linewidth=1.5, label=label)
        return
    if len(curves) <= LINES:
        for curve in curves:
            axis.plot(*curve, color=color, linewidth=0.7, alpha=0.35)
    values = [dict(zip(*curve, strict=True)) for curve in curves]
    shared = [epoch for epoch in curves[0][0] if all(epoch in value for value in values)]
    mean = [sum(value[epoch] for value in values) / len(values) for epoch in shared]
    if len(curves) > LINES:
        deviation = [stdev(value[epoch] for value in values) for epoch in shared]
        low, high = ([m + sign * d for m, d in zip(mean, deviation, strict=True)] for sign in (-1, 1))
        axis.fill_between(shared, low, high, color=color, alpha=0.18, linewidth=0)
    axis.plot(shared, mean, color=color, linewidth=1.8, label=f"{label} (mean of {len(curves)})")


def _phases(axis: "Axes", runs: Sequence[Rows]) -> None:
    """Draws a line between consecutive phases of each run."""
    for rows in runs:
        for row, following in zip(rows[:-1], rows[1:], strict=True):
            if following.get("phase", 1) != row.get("phase", 1):
                opacity = 0.9 if len(runs) == 1 else 0.35
                axis.axvline(row["epoch"] + 0.5, color=MUTED, linewidth=0.9, linestyle=":", alpha=opacity, zorder=0)


def _mark(axis: "Axes", curves: Sequence[tuple[list[float], list[float]]], epochs: list[int | None]) -> None:
    """Marks the selected epochs: one line if all are equal, else a dot on each curve."""
    if len(epochs) == 1 and len(curves) > 1 and epochs[0] is not None:
        axis.axvline(epochs[0], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label=f"chosen epoch {epochs[0]}")
        return
    points = [
        (epoch, curve[1][curve[0].index(epoch)])
        for epoch, curve in zip(epochs, curves, strict=False)
        if epoch is not None and epoch in curve[0]
    ]
    if points:
        x, y = zip(*points, strict=True)
        axis.scatter(x, y, s=22, color=INK, edgecolors=LINE, linewidths=0.6, zorder=3, label="chosen epoch")
