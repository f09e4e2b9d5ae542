import base64
from dataclasses import fields
from html.parser import HTMLParser
from typing import get_args

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from graphkit.report.no_picture import NoPicture
from graphkit.report.page import (
    Block,
    Code,
    Columns,
    Figure,
    Folded,
    Note,
    Page,
    Section,
    Table,
    Tile,
    attempt,
    render,
    settings_table,
)
from graphkit.report.style import VARIABLES


class Tags(HTMLParser):
    """Checks that every element is closed, and keeps the attributes."""

    VOID = ("meta", "br", "img", "hr", "link", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert not tags.open
    return tags


NASTY = "<script>alert('1')</script> & \"more\""


def rendered(*blocks: Block) -> str:
    text = render(Page("title", "lead", [Section("section", blocks)]))
    check(text)
    return text


def test_text_is_escaped_everywhere() -> None:
    table = Table((NASTY, NASTY), [(NASTY, NASTY)], NASTY)
    blocks = [
        Note(NASTY),
        Code(NASTY),
        table,
        settings_table({NASTY: [NASTY, {NASTY: NASTY}]}),
        Columns([table]),
        Figure(NASTY, source=NASTY, label=NASTY),
        Figure(NASTY, svg=Markup("<svg></svg>"), wide=True),
        Folded(NASTY, Note(NASTY)),
    ]
    assert {type(block) for block in blocks} == set(get_args(Block))
    text = render(Page(NASTY, NASTY, [Section(NASTY, blocks)], [Tile(NASTY, NASTY, NASTY)], [NASTY], [NASTY]))
    tags = check(text)
    assert "script" not in [tag for tag, _ in tags.seen] and len(fields(Page)) == 6
    assert {name for _, attributes in tags.seen for name in attributes} <= {
        "alt", "aria-label", "charset", "class", "content", "download", "href", "http-equiv", "lang", "name", "scope",
        "src",
    }  # fmt: skip


def test_tables_are_files_too() -> None:
    url = Table(["a", "b, c"], [["x", 1], ["é", None]]).csv_url()
    assert url.startswith("data:text/csv;charset=utf-8;base64,")
    assert base64.b64decode(url.partition("base64,")[2]).decode() == 'a,"b, c"\r\nx,1\r\né,\r\n'
    url = settings_table({"a": 1}).csv_url()
    assert base64.b64decode(url.partition("base64,")[2]).decode() == "a,1\r\n"


def test_text_that_is_svg_is_escaped_unless_it_is_marked() -> None:
    assert "<svg>" not in rendered(Figure("caption", svg="<svg></svg>"))  # type: ignore[arg-type]


def test_a_page_needs_nothing_else() -> None:
    text = rendered()
    tags = check(text)
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")
    assert not any("src" in attributes or "href" in attributes for _, attributes in tags.seen)
    assert "@import" not in text and "url(" not in text
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text


def test_a_block_or_field_that_is_missing_is_an_error() -> None:
    class Note:
        kind = ""

    for block, name in (("text", "str"), (Note(), "text")):
        with pytest.raises(UndefinedError, match=name):
            rendered(block)  # type: ignore[arg-type]


def test_every_color_of_the_pictures_is_in_both_themes() -> None:
    text = rendered()
    for name in VARIABLES.values():
        assert text.count(f"--{name}:") == 2, name


def test_tables_put_numbers_at_the_right_and_scroll() -> None:
    text = rendered(Table(("run", "seed", "name"), [("a", 1200, "x"), ("b", None, "y")]))
    assert '<td class="number">1,200</td><td>x</td>' in text and '<th class="number">seed</th>' in text
    assert '<td class="number">–</td>' in text and '<div class="scroll"><table>' in text
    assert '<td class="number">' not in rendered(Table(("run", "seed"), [("a", 1), ("b", "x")]))
    assert "<th>run</th><th>seed</th>" in rendered(Table(("run", "seed"), []))
    text = rendered(Table(("run", "roc-auc ↑"), [("a", "+1.5"), ("b", "-2.0")]))
    assert '<th class="number">roc-auc\N{NO-BREAK SPACE}↑</th>' in text and '<td class="number">+1.5</td>' in text


def test_more_than_two_blocks_fill_columns() -> None:
    table = settings_table({"a": 1})
    assert '<div class="columns many">' in rendered(Columns([table] * 3))
    assert '<div class="columns">' in rendered(Columns([table] * 2))


def test_settings_read_as_a_person_writes_them() -> None:
    text = rendered(settings_table({"a": None, "b": True, "c": [4, 2], "d": 5e-4, "e": [{"walk": 7}], "f": []}))
    for value in ("none", "yes", "4, 2", "0.0005", "walk: 7"):
        assert f"<td>{value}</td>" in text
    assert "<thead>" not in text


def test_a_picture_that_cannot_be_drawn_is_a_note() -> None:
    def fail(reason: str) -> list[Block]:
        raise NoPicture(reason)

    assert attempt(fail, "no\n edges") == [Note("This figure is omitted: no edges")]


def test_a_file_can_have_more_rows_than_its_table() -> None:
    table = Table(["a"], [["x"]], "best", file_rows=[["x"], ["y"]])
    assert base64.b64decode(table.csv_url().partition("base64,")[2]).decode() == "a\r\nx\r\ny\r\n"
    assert "CSV with all 2 rows</a>" in rendered(table) and ">CSV</a>" in rendered(Table(["a"], [["x"]]))
