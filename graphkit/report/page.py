"""Report page: typed content, and its rendering as one self-contained HTML file."""

import base64
import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from graphkit.report.no_picture import NoPicture
from graphkit.report.style import inline_panels, inline_svg, save_png, svg_text

if TYPE_CHECKING:
    import matplotlib.figure

Cell = str | int | float | None


@dataclass(frozen=True)
class Note:
    """Paragraph of plain text; ``kind`` is its CSS class."""

    text: str
    kind: Literal["", "note"] = "note"


@dataclass(frozen=True)
class Code:
    """Preformatted text."""

    text: str


@dataclass(frozen=True)
class Table:
    """Table whose first column names the rows.

    Numbers are right-aligned, ``None`` is shown as a dash.

    Args:
        head (list[str]): Titles of the columns.
        rows (list[list]): Rows that are shown.
        title (str, optional): Title of the table. (default: ``""``)
        file_rows (list[list], optional): Rows of the CSV file, if the table shows some of them. (default: ``rows``)
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    file_rows: Sequence[Sequence[Cell]] | None = None

    def numeric_columns(self) -> set[int]:
        """Returns the indices of numeric columns, except the first one."""
        columns = range(1, len(self.head)) if self.rows else ()
        return {column for column in columns if all(_is_number(row[column]) for row in self.rows)}

    def csv_url(self) -> str:
        """Returns a ``data:`` URL with the table as CSV."""
        text = io.StringIO()
        head = [self.head] if any(self.head) else []
        rows = self.rows if self.file_rows is None else self.file_rows
        csv.writer(text).writerows([*head, *(["" if cell is None else cell for cell in row] for row in rows)])
        return _data_url("text/csv;charset=utf-8", text.getvalue())


@dataclass(frozen=True)
class Columns:
    """Tables and figures in columns."""

    blocks: "Sequence[Table | Figure]"


@dataclass(frozen=True)
class Figure:
    """Figure with a caption: inline SVG, or an image with a ``data:`` URL.

    Args:
        caption (str): Plain text.
        svg (Markup, optional): Trusted ``<svg>`` element. (default: ``None``)
        source (str, optional): URL of the image, if there is no ``svg``. (default: ``""``)
        label (str, optional): Text alternative of the image. (default: ``""``)
        wide (bool, optional): The SVG scrolls on a small screen instead of shrinking. (default: ``False``)
        file_url (str, optional): ``data:`` URL of the figure as a file. (default: ``""``)
        name (str, optional): Name of the file. (default: ``"figure"``)
    """

    caption: str
    svg: Markup | None = None
    source: str = ""
    label: str = ""
    wide: bool = False
    file_url: str = ""
    name: str = "figure"


@dataclass(frozen=True)
class Folded:
    """Collapsible block with a title."""

    title: str
    block: "Block"
    is_open: bool = False


Block = Note | Code | Table | Columns | Figure | Folded


@dataclass(frozen=True)
class Section:
    """Titled section of a page."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tile:
    """Headline figure with a remark."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Page:
    """Content of a report; all text is plain and is escaped on rendering."""

    title: str
    lead: str
    sections: Sequence[Section]
    tiles: Sequence[Tile] = ()
    warnings: Sequence[str] = ()
    verdict: Sequence[str] = ()


def render(page: Page) -> str:
    """Renders a page as self-contained HTML without scripts."""
    loader = PackageLoader("graphkit.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["options"] = _options
    environment.filters["arrows"] = _arrows
    return environment.get_template("page.html").render(page=page)


def draw(
    folder: Path, figure: "matplotlib.figure.Figure", name: str, label: str, caption: str, wide: bool = False
) -> Figure:
    """Saves a figure as ``figures/<name>.png``, and returns it as inline SVG.

    Args:
        folder (Path): Run folder.
        figure (Figure): The figure.
        name (str): Name of the files.
        label (str): Text alternative.
        caption (str): Caption.
        wide (bool, optional): The figure scrolls on a narrow page; panels are wrapped instead. (default: ``False``)
    """
    save_png(figure, folder / "figures" / f"{name}.png")
    text = svg_text(figure)
    url = _data_url("image/svg+xml", text)
    svg = inline_panels(figure, name, label) if figure.subfigs else inline_svg(figure, name, label, text)
    return Figure(caption, Markup(svg), wide=wide and not figure.subfigs, file_url=url, name=name)


def attempt(make: Callable[..., Sequence[Block]], *args: Any) -> Sequence[Block]:
    """Returns the blocks of ``make(*args)``, or a note why a figure cannot be drawn."""
    try:
        return make(*args)
    except (NoPicture, FileNotFoundError) as error:  # such as a missing file of paths
        return [Note(f"This figure is omitted: {' '.join(str(error).split())}")]


def settings_table(values: Mapping[str, object], title: str = "") -> Table:
    """Returns a table of names and values."""
    return Table(("", ""), [(name, _setting(value)) for name, value in values.items()], title)


def reproduce(folder: Path, command: str, environment: Mapping[str, object] | None = None) -> list[Block]:
    """Returns the command, configuration and environment that reproduce a run."""
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    blocks: list[Block] = [Code(command), Folded("config.yaml", Code(config))]
    return [*blocks, Folded("environment", settings_table(environment))] if environment else blocks


def _options(text: str) -> Markup:
    """Escapes a text, and keeps command-line options and commands on one line."""
    return Markup(re.sub(r"(--[\w-]+(?: \d+)?)", r'<span class="option">\1</span>', str(escape(text))))


def _arrows(text: str) -> str:
    """Keeps the arrow at the end of a title on the line of its last word."""
    return re.sub(r" ([↑↓])$", "\N{NO-BREAK SPACE}\\1", text)


def _data_url(kind: str, text: str) -> str:
    """Returns a ``data:`` URL of a text."""
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode('ascii')}"


def _is_number(cell: Cell) -> bool:
    return cell is None or not isinstance(cell, str) or cell[:1] in "+-–0123456789"


def _setting(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_setting(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
