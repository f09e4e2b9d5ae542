import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from graphkit.cli.main import main
from graphkit.screen import printable


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x07", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\udc80"]
)
def test_control_characters_are_escaped(character: str) -> None:
    text = printable(f"a{character}b")
    assert text == f"a\\u{ord(character):04x}b" and text.isprintable()
    assert json.loads(f'"{text}"') == f"a{character}b"  # so that JSON stays JSON


def test_letters_stay_and_line_ends_where_they_are_wanted() -> None:
    assert printable("Größe ± 数 👩‍🔬") == "Größe ± 数 👩‍🔬"
    assert printable("a\nb\tc", lines=True) == "a\nb\tc" and printable("a\nb") == "a\\u000ab"


def test_names_cannot_write_lines_or_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    names = ["\x1b]0;title\x07", "two\nlines"] + [f"n{i}" for i in range(2, 12)]
    edges = "".join(f'"{names[i]}","{names[(i + 1) % 12]}"\n' for i in range(12))
    (folder / "edges.csv").write_text("source,target\n" + edges)
    (folder / "nodes.csv").write_text("id,label,f\n" + "".join(f'"{n}",c{i % 2},{i}\n' for i, n in enumerate(names)))
    shown = CliRunner().invoke(main, ["paths", "--dataset", str(folder), "--node", "n2"]).stdout
    assert "\x1b" not in shown and "\x07" not in shown and "two\\u000alines" in shown
    wrong = CliRunner().invoke(main, ["train", "--dataset", "x\x1b[31m\u202ered.npz"])
    assert wrong.exit_code == 2 and "x\\u001b[31m\\u202ered.npz" in wrong.stderr and "\x1b" not in wrong.stderr
