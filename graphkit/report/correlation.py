"""How far the features of different factors say different things."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.report.style import INK, SERIES, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def correlation_maps(maps: Sequence[Tensor], factors: Sequence[int], titles: Sequence[str] = ()) -> "Figure":
    """Returns maps of the absolute correlation between features, with lines between the blocks of the factors.

    Args:
        maps: One ``[D, D]`` map per layer, see :func:`graphkit.metrics.feature_correlation`.
        factors: The number of factors of each layer; ``D`` is divisible by it.
        titles: A title for each map.
    """
    with style():
        from matplotlib.colors import LinearSegmentedColormap, to_rgba

        # From transparent to opaque in one hue: the map reads the same on white and on black.
        colors = LinearSegmentedColormap.from_list("share", [(*to_rgba(SERIES[0])[:3], 0.0), to_rgba(SERIES[0])])
        figure = new_figure(3.35 * len(maps) + 0.75, 3.35)
        axes = figure.subplots(1, len(maps) + 1, squeeze=False, width_ratios=[1.0] * len(maps) + [0.045])[0]
        for index, (axis, values, count) in enumerate(zip(axes, maps, factors, strict=False)):
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
        scale = axes[-1]  # drawn by hand, as a color bar would leave the transparency out
        ramp = colors(torch.linspace(0, 1, 101)[:, None].numpy())
        scale.imshow(ramp, extent=(0, 1, 0, 1), origin="lower", aspect="auto")
        scale.set(xticks=[], ylabel="absolute correlation")
        scale.yaxis.set_label_position("right")
        scale.yaxis.tick_right()
        scale.spines[:].set_visible(True)
        return figure


def block_contrast(values: Tensor, factors: int) -> tuple[float, float]:
    """Returns the mean of a map within the blocks of the factors, the diagonal left out, and outside of them."""
    size = values.size(0)
    owner = torch.arange(size) // (size // factors)
    inside = (owner[:, None] == owner[None, :]) & ~torch.eye(size, dtype=torch.bool)
    outside = owner[:, None] != owner[None, :]
    return float(values[inside].mean()), float(values[outside].mean())
