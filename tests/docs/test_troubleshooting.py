"""The messages that the pages of troubleshooting and of `graphkit doctor` quote are those of the package."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def quoted(page: str) -> list[str]:
    """Returns the terms of the definition lists of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [match[2].strip() for match in re.finditer(r"^(`+)(.+?)\1\n: ", text, re.M)]


MESSAGES = [*quoted("troubleshooting.md"), *quoted("data_messages.md")]
DOCTOR = quoted("doctor.md")
#: Stands for a value within a message.
VALUE = "\0"


def text_of(node: ast.AST) -> str:
    """Returns the text of a literal, with a mark for each value in it; empty if it is none."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@cache
def messages() -> tuple[str, ...]:
    """Returns all texts of the package, with a mark for each value in them."""
    texts = []
    for path in (ROOT / "graphkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts.append(text_of(node))
    return tuple(filter(None, texts))


def reasons() -> list[str]:
    """Returns the reasons in the source of the two libraries: the second arguments of their states."""
    texts = []
    for name in ("_native.py", "_cuda.py"):
        tree = ast.parse((ROOT / "graphkit" / "ops" / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_Library", "CudaLibrary"):
                texts += [text_of(node.args[1])] if len(node.args) > 1 else []
            elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and text_of(node.elts[0]) in ("native", "torch"):
                texts += [text_of(node.elts[1])]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "reason":
                texts += [text_of(node.value)]
    return sorted({text for text in texts if text})


def test_the_pages_have_messages() -> None:
    assert 20 <= len(MESSAGES) <= 35 and len(set(MESSAGES)) == len(MESSAGES)


@pytest.mark.parametrize("reason", reasons())
def test_every_reason_that_doctor_gives_has_an_entry(reason: str) -> None:
    patterns = [".*".join(map(re.escape, message.split("..."))) for message in DOCTOR]
    assert any(re.match(pattern, reason, re.S) for pattern in patterns)


@pytest.mark.parametrize("message", [*MESSAGES, *DOCTOR])
def test_the_message_is_in_the_package(message: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, message.split("..."))), re.S)
    assert any(pattern.search(text) for text in messages())


def test_a_message_that_does_not_exist_is_noticed() -> None:
    pattern = re.compile(".*".join(map(re.escape, ["the ", " is not a ", " that was ever printed"])), re.S)
    assert not any(pattern.search(text) for text in messages())
