import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from graphkit.report.style import INK, SERIES, inline_panels, inline_svg, new_figure, panels, save_png, style, svg_text


def example() -> object:
    with style():
        figure = new_figure(3, 2)
        axis = figure.subplots()
        axis.plot([0, 1], [1, 0], color=SERIES[0])
        axis.set_title("a title", color=INK)
        return figure


def test_png_is_written_whole(tmp_path: Path) -> None:
    path = save_png(example(), tmp_path / "figures" / "x.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in path.parent.iterdir()] == ["x.png"]  # no temporary file is left


def test_inline_svg_is_well_formed_scales_and_follows_the_theme() -> None:
    text = inline_svg(example(), "first", 'Loss "and" <score>')
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == 'Loss "and" <score>'
    assert root.get("width") is None and root.get("height") is None and root.get("viewBox")
    assert SERIES[0] not in text and "var(--series-0)" in text
    assert INK not in text and "var(--ink)" in text


def test_pictures_of_one_page_share_no_ids_and_keep_their_references() -> None:
    texts = [inline_svg(example(), name, "x") for name in ("a", "b")]
    ids = [{element.get("id") for element in ElementTree.fromstring(text).iter()} - {None} for text in texts]
    assert ids[0] and not ids[0] & ids[1]
    for element in ElementTree.fromstring(texts[0]).iter():
        for name, value in element.attrib.items():
            if name.endswith("href") and value.startswith("#"):
                assert value[1:] in ids[0]
            if value.startswith("url(#"):
                assert value[5:-1] in ids[0]


def test_panels_are_images_that_wrap(tmp_path: Path) -> None:
    with style():
        figure = new_figure(6, 2)
        for number, panel in enumerate(panels(figure, 1, 3, (2, 1, 1))[:2]):  # the last one is empty
            panel.subplots().set_title(f"title {number}")
    save_png(figure, tmp_path / "x.png")
    root = ElementTree.fromstring(inline_panels(figure, "x", "Scores"))
    svgs = [child for child in root if child.tag.endswith("svg")]
    assert [svg.get("aria-label") for svg in svgs] == ["Scores, panel 1 of 2", "Scores, panel 2 of 2"]
    widths = [float((svg.get("viewBox") or "").split()[2]) for svg in svgs]
    assert widths == pytest.approx([216, 108], rel=0.02)  # points of a sixth of an inch
    ids = [{element.get("id") for element in svg.iter()} - {None} for svg in svgs]
    assert not ids[0] & ids[1] and all(panel.get_visible() for panel in figure.subfigs)


def test_the_same_figure_gives_the_same_text() -> None:
    assert inline_svg(example(), "a", "x") == inline_svg(example(), "a", "x")


def test_the_users_own_settings_and_backend_stay() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    inline_svg(example(), "a", "x")
    assert dict(matplotlib.rcParams) == before


def test_importing_the_package_does_not_import_matplotlib() -> None:
    code = "import graphkit.report, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch, plain_run: Path) -> None:
    from graphkit.report import report

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install matplotlib"):
        report(plain_run)


def test_coordinates_have_two_digits_and_scales_all() -> None:
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1 / 3, 1], [0.123456, 2 / 3, 0], label="a")
    text = svg_text(figure)
    values = re.findall(r' (?:d|x|y)="([^"]*)"', text)
    assert values and not any(re.search(r"\.\d{3}", value) for value in values)
    assert re.search(r'transform="[^"]*\.\d{4}', text)  # text is scaled by small factors
