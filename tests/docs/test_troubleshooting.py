"""The messages that the page of troubleshooting quotes are those of the package."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
#: The terms of the definition lists.
MESSAGES = [match[2].strip() for match in re.finditer(r"^(`+)(.+?)\1\n: ", PAGE, re.M)]
#: Stands for a value within a message.
VALUE = "\0"


@cache
def messages() -> tuple[str, ...]:
    """Returns all texts of the package, with a mark for each value in them."""
    texts = []
    for path in (ROOT / "graphkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return tuple(texts)


def test_the_page_has_messages() -> None:
    assert 20 <= len(MESSAGES) <= 35 and len(set(MESSAGES)) == len(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_message_is_in_the_package(message: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, message.split("..."))), re.S)
    assert any(pattern.search(text) for text in messages())


def test_a_message_that_does_not_exist_is_noticed() -> None:
    pattern = re.compile(".*".join(map(re.escape, ["the ", " is not a ", " that was ever printed"])), re.S)
    assert not any(pattern.search(text) for text in messages())
