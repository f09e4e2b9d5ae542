"""Figure of predicted against true values of a regression."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from graphkit.report.style import MUTED, SERIES, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Largest number of targets, and of points of a target.
TARGETS, POINTS = 6, 3000


def predicted_values(prediction: Tensor, y: Tensor, names: Sequence[str] = ()) -> "Figure":
    """Draws predicted against true values, with a panel per target and the diagonal.

    Only the first :data:`TARGETS` targets are drawn, and :data:`POINTS` evenly spaced points of each.

    Args:
        prediction (Tensor): ``[B, C]``, predicted values.
        y (Tensor): ``[B, C]``, true values; NaN marks a missing value.
        names (list[str], optional): Names of the targets. (default: ``()``)
    """
    count = min(y.size(1), TARGETS)
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    with style():
        figure = new_figure(3.1 * columns + 0.2, 3.0 * rows + 0.2)
        axes = figure.subplots(rows, columns, squeeze=False).flatten()
        for target, axis in enumerate(axes):
            axis.set_visible(target < count)
            if target >= count:
                continue
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
        return figure
