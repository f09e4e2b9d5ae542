"""Length of the pages, and the lists of the API pages."""

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: Most lines of a page.
LINES = 120
#: Pages that may be longer: the front page with the tables of contents, and the list of terms.
LONG = {"index", "glossary"}
PAGES = [page for page in sorted(DOCS.glob("*.md")) if page.stem not in LONG]
MODULES = sorted(page.stem for page in (DOCS / "api").glob("*.md") if page.stem not in ("index", "registry"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= LINES


def test_readme_is_one_screen() -> None:
    assert len((DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("name", MODULES)
def test_api_page_lists_every_public_name(name: str) -> None:
    module = importlib.import_module("graphkit" if name == "graphkit" else f"graphkit.{name}")
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api" / f"{name}.md").read_text(encoding="utf-8"), re.M)
    assert len(listed) == len(set(listed))
    public = set(module.__all__) - {"__version__"} - ({"Callback"} if name == "graphkit" else set())
    assert public == {entry for entry in listed if "." not in entry}


def test_every_page_is_in_a_table_of_contents() -> None:
    contents = "\n".join((DOCS / page).read_text(encoding="utf-8") for page in ("index.md", "api/index.md"))
    pages = [*DOCS.glob("*.md"), *(DOCS / "tutorials").glob("*.md")]
    names = {page.relative_to(DOCS).with_suffix("").as_posix() for page in pages} - {"index"}
    assert not [name for name in names if not re.search(rf"^{name}\*?$", contents, re.M)]


def test_pictures_have_alternatives_and_exist() -> None:
    for page in [DOCS.parent / "README.md", *DOCS.rglob("*.md")]:
        if "_build" in page.parts:
            continue
        for text, path in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert len(text) > 10 and (page.parent / path).is_file(), (page.name, path)
