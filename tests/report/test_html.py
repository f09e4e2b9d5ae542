from html.parser import HTMLParser

from graphkit.report import html


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


def test_text_is_escaped_everywhere() -> None:
    parts = [
        html.heading(NASTY, NASTY),
        html.section(NASTY, html.paragraph(NASTY, "note")),
        html.tiles([(NASTY, NASTY, NASTY)]),
        html.table((NASTY, NASTY), [(NASTY, NASTY)]),
        html.settings({NASTY: [NASTY, {NASTY: NASTY}]}),
        html.columns([(NASTY, "")]),
        html.picture("", NASTY),
        html.code(NASTY),
        html.folded(NASTY, ""),
    ]
    tags = check(html.page(NASTY, parts))
    assert "script" not in [tag for tag, _ in tags.seen]


def test_a_page_needs_nothing_else() -> None:
    text = html.page("title", ["body"])
    tags = check(text)
    assert not any("src" in attributes or "href" in attributes for _, attributes in tags.seen)
    assert "@import" not in text and "url(" not in text
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text


def test_every_color_of_the_pictures_is_in_both_themes() -> None:
    from graphkit.report.style import VARIABLES

    text = html.page("", [])
    for name in VARIABLES.values():
        assert text.count(f"--{name}:") == 2, name


def test_tables_put_numbers_at_the_right_and_scroll() -> None:
    text = html.table(("run", "seed", "name"), [("a", 1200, "x"), ("b", None, "y")])
    check(text)
    assert '<td class="number">1,200</td><td>x</td>' in text
    assert '<td class="number">–</td>' in text
    assert text.startswith('<div class="scroll">')


def test_settings_read_as_a_person_writes_them() -> None:
    text = html.settings({"a": None, "b": True, "c": [4, 2], "d": 5e-4, "e": [{"walk": 7}], "f": []})
    for value in ("none", "yes", "4, 2", "0.0005", "walk: 7"):
        assert f"<td>{value}</td>" in text
