"""Confusion matrix figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.report.style import INK, SERIES, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Largest number of classes for which counts are printed.
ANNOTATED = 15


def confusion_matrix(counts: Tensor, names: Sequence[str] = ()) -> "Figure":
    """Draws a confusion matrix with counts, shaded by the fraction of the true class.

    Args:
        counts (Tensor): ``[C, C]``, true classes in rows, see :func:`~graphkit.metrics.confusion_counts`.
        names (list[str], optional): Class names. (default: class indices)
    """
    num_classes = counts.size(0)
    labels = [_short(str(name)) for name in names] or [str(index) for index in range(num_classes)]
    share = counts.double() / counts.sum(dim=1, keepdim=True).clamp(min=1)
    with style():
        from matplotlib.colors import to_rgba

        side = min(6.4, max(3.2, 1.5 + 0.52 * num_classes))
        figure = new_figure(side + 0.6, side)
        axis = figure.subplots()
        image = torch.tensor(to_rgba(SERIES[0])).repeat(num_classes, num_classes, 1).double()
        image[..., 3] = share * 0.94 + 0.03  # opacity, so that empty cells have the color of the page
        axis.imshow(image.numpy(), interpolation="nearest")
        if num_classes <= ANNOTATED:
            for row in range(num_classes):
                for column in range(num_classes):
                    count, dark = int(counts[row, column]), float(share[row, column]) > 0.65
                    color = "white" if dark else INK
                    size = 8.5 if num_classes <= 8 else 7
                    axis.text(
                        column,
                        row,
                        f"{count:,}" if count else "·",
                        ha="center",
                        va="center",
                        color=color,
                        fontsize=size,
                    )
        step = 1 if num_classes <= 25 else 10
        ticks = list(range(0, num_classes, step))
        crowded = sum(len(labels[tick]) for tick in ticks) > 7 * side
        axis.set_xticks(
            ticks,
            [labels[tick] for tick in ticks],
            rotation=45 if crowded else 0,
            ha="right" if crowded else "center",
            rotation_mode="anchor" if crowded else None,
        )
        axis.set_yticks(ticks, [labels[tick] for tick in ticks])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set(xlabel="predicted class", ylabel="true class")
        return figure


def _short(name: str) -> str:
    """Shortens a name to fit an axis label."""
    return name if len(name) <= 20 else name[:19] + "…"
