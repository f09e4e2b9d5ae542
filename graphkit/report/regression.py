"""Figure of predicted against true values of a regression."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from graphkit.report.style import MUTED, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Largest number of targets, and of points of a target.
TARGETS, POINTS = 6, 3000


def predicted_values(prediction: Tensor, y: Tensor, names: Sequence[str] = ()) -> "Figure":
    """Draws predicted against true values, with a panel per target and the diagonal.

    A single target has a second panel with the distribution of the errors. Only the first :data:`TARGETS` targets are
    drawn, and :data:`POINTS` evenly spaced points of each.

    Args:
        prediction (Tensor): ``[B, C]``, predicted values.
        y (Tensor): ``[B, C]``, true values; NaN marks a missing value.
        names (list[str], optional): Names of the targets. (default: ``()``)
    """
    count = min(y.size(1), TARGETS)
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    with style():
        figure = new_figure(10.8, 3.8) if count == 1 else new_figure(10.8, 10.8 / columns * rows)
        grid = panels(figure, 1, 2, (1, 1.5)) if count == 1 else panels(figure, rows, columns)
        for target, panel in enumerate(grid[:count]):
            axis = panel.subplots()
            mask = y[:, target].isfinite() & prediction[:, target].isfinite()
            true, predicted = y[mask, target], prediction[mask, target]
            step = max(1, math.ceil(true.numel() / POINTS))
            axis.scatter(
                true[::step].numpy(), predicted[::step].numpy(), s=9, color=SERIES[0], alpha=0.45, linewidths=0
            )
            if true.numel():
                low, high = float(true.min()), float(true.max())
                axis.plot([low, high], [low, high], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
            axis.set(xlabel="true value", ylabel="predicted value")
            axis.grid(True)
            axis.set_axisbelow(True)
            if target < len(names):
                axis.set_title(names[target])
            if count == 1:
                _errors(grid[1].subplots(), (predicted - true).numpy())
        return figure


def _errors(axis: "Axes", errors: np.ndarray) -> None:
    """Draws the distribution of the errors of the items."""
    if errors.size:
        axis.hist(errors, bins=40, weights=np.full(errors.size, 100 / errors.size), color=SERIES[0], alpha=0.85)
        axis.axvline(float(errors.mean()), color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="mean error")
        axis.legend()
    axis.set(xlabel="error (predicted - true value)", ylabel="items (%)")
    axis.grid(True, axis="y")
    axis.set_axisbelow(True)
