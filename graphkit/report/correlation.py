"""Feature correlation maps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.report.style import INK, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def correlation_maps(maps: Sequence[Tensor], factors: Sequence[int], titles: Sequence[str] = ()) -> "Figure":
    """Draws absolute feature correlations, with lines between the blocks of factors.

    Args:
        maps (list[Tensor]): One ``[D, D]`` map per layer, see :func:`graphkit.metrics.feature_correlation`.
        factors (list[int]): Number of factors of each layer, a divisor of ``D``.
        titles (list[str], optional): Titles. (default: ``()``)
    """
    with style():
        from matplotlib.colors import LinearSegmentedColormap, to_rgba

        # From transparent to opaque in one hue, for light and dark pages.
        colors = LinearSegmentedColormap.from_list("share", [(*to_rgba(SERIES[0])[:3], 0.0), to_rgba(SERIES[0])])
        figure = new_figure(min(3.6 * max(len(maps), 2), 10.8), 3.4)
        grid = panels(figure, 1, max(len(maps), 2))
        for index, (panel, values, count) in enumerate(zip(grid, maps, factors, strict=False)):
            axis, scale = panel.subplots(1, 2, width_ratios=[1.0, 0.045])
            width = values.size(0) / count
            axis.imshow(colors(values.numpy()), interpolation="nearest")
            for block in range(1, count):
                axis.axhline(block * width - 0.5, color=INK, linewidth=0.7)
                axis.axvline(block * width - 0.5, color=INK, linewidth=0.7)
            centers = [(block + 0.5) * width - 0.5 for block in range(count)]
            names = [f"factor {block}" if count <= 4 else str(block) for block in range(count)]
            axis.set_xticks(centers, names)
            axis.set_yticks(centers, names, rotation=90 if count <= 4 else 0, va="center")
            axis.tick_params(length=0)
            axis.spines[:].set_visible(True)
            if index < len(titles):
                axis.set_title(titles[index])
            # The color scale is drawn by hand, since a color bar ignores transparency.
            ramp = colors(torch.linspace(0, 1, 101)[:, None].numpy())
            scale.imshow(ramp, extent=(0, 1, 0, 1), origin="lower", aspect="auto")
            scale.set(xticks=[], ylabel="absolute correlation")
            scale.yaxis.set_label_position("right")
            scale.yaxis.tick_right()
            scale.spines[:].set_visible(True)
        return figure


def block_contrast(values: Tensor, factors: int) -> tuple[float, float]:
    """Returns the mean correlation within factors (off-diagonal) and between them.

    Args:
        values (Tensor): ``[D, D]``, correlation map.
        factors (int): Number of factors.
    """
    size = values.size(0)
    owner = torch.arange(size) // (size // factors)
    inside = (owner[:, None] == owner[None, :]) & ~torch.eye(size, dtype=torch.bool)
    outside = owner[:, None] != owner[None, :]
    return float(values[inside].mean()), float(values[outside].mean())
