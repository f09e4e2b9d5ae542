import ast
import json
import logging
import re
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from graphkit.cli.main import main
from graphkit.screen import printable, showing_notes

PACKAGE = Path(__file__).parent.parent / "graphkit"
#: Files that print: the commands, the progress displays that are asked for, and generators that are run by hand.
PRINTING = ("cli/", "testing/", "screen.py", "training/progress.py")


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


def printing(tree: ast.AST) -> list[int]:
    """Returns the lines that print or warn."""
    calls = ("print", "echo", "click.echo", "click.secho", "tqdm", "tqdm.write", "warnings.warn", "pprint")
    streams = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
    lines = []
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        stream = called.rpartition(".")[0] in streams and called.endswith((".write", ".writelines"))
        deprecated = called == "warnings.warn" and "DeprecationWarning" in ast.unparse(node)
        lines += [node.lineno] if (called in calls or stream) and not deprecated else []
    return lines


def test_only_commands_and_progress_displays_print() -> None:
    wrong = {}
    for path in PACKAGE.rglob("*.py"):
        name, content = path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")
        if not name.startswith(PRINTING) and re.search(r"(print|echo|tqdm|warn|write|writelines)\(", content):
            wrong[name] = printing(ast.parse(content))
    assert not {name: lines for name, lines in wrong.items() if lines}


@pytest.mark.parametrize("code", ["print(x)", "warnings.warn(x)", "sys.stderr.write(x)", "tqdm(x)", "echo(x)"])
def test_the_check_sees_what_prints(code: str) -> None:
    assert printing(ast.parse(code)) and not printing(ast.parse(f"logger.info({code.partition('(')[2]}"))
    assert not printing(ast.parse("warnings.warn(x, DeprecationWarning, stacklevel=2)"))


def test_notes_are_logged_and_printed_on_request_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("graphkit.data")
    level, count = logger.level, len(logger.handlers)
    logger.warning("a\x1bb")
    assert capsys.readouterr() == ("", "")
    with showing_notes():
        logger.warning("a\x1bb")
        logger.info("downloading")
    logger.warning("c")
    assert capsys.readouterr() == ("", "note: a\\u001bb\ndownloading\n")
    assert (logger.level, len(logger.handlers)) == (level, count)


def test_commands_do_not_show_the_deprecations_that_pyg_raises(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with click.Context(main).scope():
            main.callback()
            warnings.warn("`torch.jit.script` is deprecated. Please switch.", FutureWarning, stacklevel=1)
            warnings.warn("another", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["another"]
