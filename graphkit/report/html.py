"""Parts of the report's page: small functions from plain values to escaped HTML."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

Cell = str | int | float | None


def page(title: str, parts: Iterable[str]) -> str:
    """Returns a whole page that needs no other file, no script and no network."""
    css = files("graphkit.report").joinpath("report.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'; img-src data:\">",
            f"<title>{escape(title)}</title>",
            f"<style>\n{css}</style>",
            "</head>",
            "<body>",
            "<main>",
            *parts,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def heading(title: str, lead: str) -> str:
    """Returns the title of the page and a line below it."""
    return f'<header>\n<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n</header>'


def section(title: str, *parts: str) -> str:
    """Returns a titled part of the page; the parts are HTML."""
    return "\n".join(["<section>", f"<h2>{escape(title)}</h2>", *parts, "</section>"])


def paragraph(text: str, kind: str = "") -> str:
    """Returns a paragraph of plain text, of the class ``kind``."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def tiles(values: Sequence[tuple[str, str, str]]) -> str:
    """Returns a row of figures that catch the eye: name, value and a small remark each."""
    cells = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}"
        + (f"<small>{escape(remark)}</small>" if remark else "")
        + "</dd></div>"
        for name, value, remark in values
    )
    return "\n".join(['<dl class="tiles">', *cells, "</dl>"])


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Returns a table whose first column names the rows; numbers stand at the right, ``None`` is a dash."""
    rows = [list(row) for row in rows]
    numeric = [
        all(_is_number(row[column]) for row in rows) and bool(rows) and column > 0 for column in range(len(head))
    ]
    lines = ['<div class="scroll"><table>']
    if any(head):
        cells = (f"<th{_kind(numeric[column])}>{escape(name)}</th>" for column, name in enumerate(head))
        lines.append("<thead><tr>" + "".join(cells) + "</tr></thead>")
    lines.append("<tbody>")
    for row in rows:
        first = f'<th scope="row">{escape(_text(row[0]))}</th>'
        others = (f"<td{_kind(numeric[column])}>{escape(_text(row[column]))}</td>" for column in range(1, len(row)))
        lines.append("<tr>" + first + "".join(others) + "</tr>")
    return "\n".join([*lines, "</tbody>", "</table></div>"])


def settings(values: dict[str, object]) -> str:
    """Returns a table of names and values."""
    return table(("", ""), [(name, _setting(value)) for name, value in values.items()])


def columns(parts: Iterable[tuple[str, str]]) -> str:
    """Returns titled parts (title, HTML) side by side where there is room."""
    cells = (f"<div><h3>{escape(title)}</h3>\n{content}</div>" for title, content in parts)
    return "\n".join(['<div class="columns">', *cells, "</div>"])


def picture(svg: str, caption: str, wide: bool = False) -> str:
    """Returns a figure of inline SVG with a caption; a wide one scrolls on a small screen instead of shrinking."""
    body = f'<div class="wide">{svg}</div>' if wide else svg
    return f"<figure>\n{body}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def image(source: str, label: str, caption: str) -> str:
    """Returns a figure of a picture in a ``data:`` address with a caption; ``label`` is for those who cannot see it."""
    body = f'<img class="plot" src="{escape(source)}" alt="{escape(label)}">'
    return f"<figure>\n{body}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def code(text: str) -> str:
    """Returns text to be copied as it is."""
    return f"<pre><code>{escape(text)}</code></pre>"


def folded(title: str, content: str, is_open: bool = False) -> str:
    """Returns HTML that opens and closes when its title is clicked."""
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>\n{content}\n</details>"


def _kind(number: bool) -> str:
    return ' class="number"' if number else ""


def _is_number(cell: Cell) -> bool:
    """Whether a cell holds a number, in whatever form, or nothing."""
    return cell is None or not isinstance(cell, str) or cell[:1] in "-–0123456789"


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def _setting(value: object) -> str:
    """Returns a setting as a person would write it."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_setting(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
