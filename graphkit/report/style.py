"""Common style of all figures, and output as PNG and SVG."""

import importlib.util
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.errors import MissingPackageError
from graphkit.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.transforms import Bbox

INK, MUTED, LINE = "#20242c", "#6b7280", "#d5d9e0"
WRONG = "#c8372d"
#: Colors of factors, runs and classes, distinct in hue and lightness on light and dark backgrounds.
SERIES = ("#3568c9", "#d9730d", "#2b8a5f", "#9a45a3", "#15818f", "#a8810c", "#7b5b3f", "#5c6bc0")

#: Factor by which a figure with a single panel may grow to fill the page.
_STRETCH = 1.35

#: Coordinates in an SVG file, and their digits after the second one, which are below 1/7000 inch.
_COORDINATES, _DIGITS = re.compile(r' (?:d|x|y)="[^"]*"'), re.compile(r"(?<=\.\d\d)\d+")

#: CSS variables of the colors, so that an inline SVG follows the light or dark theme.
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    WRONG: "wrong",
    **{color: f"series-{index}" for index, color in enumerate(SERIES)},
}

_SETTINGS: dict[Any, Any] = {
    "font.size": 9.0,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "graphkit",
}


def require_matplotlib() -> None:
    """Raises an error with the install command if matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError("figures need matplotlib, which is not installed; pip install matplotlib")


@contextmanager
def style() -> Iterator[None]:
    """Applies the common style within the context, keeping the user's settings."""
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def new_figure(width: float, height: float) -> "Figure":
    """Creates an empty figure with a size in inches, without a window or backend.

    Notebooks show it.
    """
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.06))
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: "Figure") -> bytes:
    """Renders a figure for a notebook, which needs no pyplot then."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=100, facecolor="white")
    return buffer.getvalue()


def panels(figure: "Figure", rows: int, columns: int, width_ratios: Sequence[float] | None = None) -> "list[SubFigure]":
    """Adds a grid of panels to a figure, which a narrow page shows below each other."""
    grid = figure.subfigures(rows, columns, squeeze=False, width_ratios=width_ratios)
    for panel in grid.flat:
        panel.set_facecolor("none")
    return list(grid.flat)


def save_png(figure: "Figure", path: str | Path) -> Path:
    """Writes a figure as a PNG file with a white background, atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with style():
        write_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=170, facecolor="white"))
    figure.set_layout_engine(None)  # computed once, for all formats
    return path


def svg_text(figure: "Figure", box: "Bbox | None" = None) -> str:
    """Renders a figure, or a box of it in inches, as a reproducible SVG file."""
    buffer = io.StringIO()
    with style():
        figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches=box
        )
    return _COORDINATES.sub(lambda match: _DIGITS.sub("", match[0]), buffer.getvalue())


def inline_panels(figure: "Figure", name: str, label: str) -> str:
    """Renders the panels of a figure as ``<svg>`` elements that wrap on a narrow page.

    Args:
        figure (Figure): Figure with the layout of :func:`save_png`.
        name (str): Prefix of all ids, unique on the page.
        label (str): Text alternative of the figure; each panel adds its number.
    """
    shown = [panel for panel in figure.subfigs if panel.axes]
    stretch = _STRETCH if len(shown) == 1 else 1.0
    total = float(figure.get_size_inches()[0])
    texts = []
    for number, panel in enumerate(shown):
        for other in figure.subfigs:
            other.set_visible(other is panel)
        box = panel.bbox.transformed(figure.dpi_scale_trans.inverted())
        of_panel = f"{label}, panel {number + 1} of {len(shown)}"
        text = inline_svg(figure, f"{name}-{number}", of_panel, svg_text(figure, box), stretch * box.width)
        size = f"flex-basis: calc({100 * box.width / total:.4g}% - 1rem); min-width: min(100%, {53 * box.width:.0f}px)"
        texts.append(text.replace('style="max-width', f'style="{size}; max-width', 1))
    for panel in figure.subfigs:
        panel.set_visible(True)
    return f'<div class="panels">{"".join(texts)}</div>'


def inline_svg(figure: "Figure", name: str, label: str, text: str = "", width: float | None = None) -> str:
    """Renders a figure as an ``<svg>`` element with the colors of the page.

    Args:
        figure (Figure): The figure.
        name (str): Prefix of all ids in the SVG, unique on the page.
        label (str): Text alternative.
        text (str, optional): Result of :func:`svg_text`; rendered if empty. (default: ``""``)
        width (float, optional): Width in inches. (default: that of the figure)
    """
    from html import escape

    text = text or svg_text(figure)
    text = text[text.index("<svg") :].replace('style="fill: #ffffff', 'style="fill: none', 1)  # the background
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for color, variable in VARIABLES.items():
        text = text.replace(color, f"var(--{variable})")
    width = float(figure.get_size_inches()[0]) if width is None else width
    opening = f'<svg class="plot" role="img" aria-label="{escape(label)}" style="max-width: {width * 96:.0f}px"'
    text = re.sub(r'<svg\b([^>]*?)\swidth="[^"]*"', rf"{opening}\1", text, count=1)
    return re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
