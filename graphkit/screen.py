"""Terminal output with escaped control characters."""

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: Control characters (C0, DEL, C1), bidirectional marks, other line ends, lone surrogates, tags.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: object, lines: bool = False) -> str:
    r"""Escapes the control characters of a text, such as ``\u001b``.

    Args:
        text (object): Text.
        lines (bool, optional): If ``True``, keeps line ends and tabs. (default: ``False``)
    """
    return _CONTROL.sub(lambda match: match[0] if lines and match[0] in "\n\t" else _escaped(match[0]), str(text))


def echo(text: object = "", err: bool = False) -> None:
    """Prints a text with escaped control characters in the encoding of the terminal.

    Args:
        text (object, optional): Text of one or several lines. (default: ``""``)
        err (bool, optional): If ``True``, prints to standard error. (default: ``False``)
    """
    import click

    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    safe = printable(text, lines=True).encode(encoding, "backslashreplace").decode(encoding)
    click.echo(safe, err=err)


class _NoteHandler(logging.Handler):
    """Handler that prints messages on standard error; warnings begin with ``note:``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a message."""
        echo(f"{'note: ' if record.levelno >= logging.WARNING else ''}{record.getMessage()}", err=True)


@contextmanager
def showing_notes() -> Iterator[None]:
    """Context that prints the messages of the data readers on standard error.

    These are downloads, and files that are not the published ones.
    """
    logger, handler = logging.getLogger("graphkit.data"), _NoteHandler()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def shown(value: Any) -> str:
    """Formats a value for an error message, truncated to 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python does not format integers of thousands of digits
        text = "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _escaped(character: str) -> str:
    """Returns the escape sequence of a character."""
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table with left-aligned columns.

    Example:
        >>> aligned([("gcn", "Graph convolutional network"), ("spagan", "Shortest path graph attention network")])
        ['gcn     Graph convolutional network', 'spagan  Shortest path graph attention network']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def echo_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints a table with left-aligned columns, nothing without rows."""
    for line in aligned(rows):
        echo(line)
