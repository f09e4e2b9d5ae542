"""Text for a terminal: control characters in ids, names and settings from outside are escaped."""

import re
import sys
from typing import Any

#: Control characters (C0, DEL, C1), marks that turn the direction of writing, other line ends, lone surrogates, tags.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: object, lines: bool = False) -> str:
    r"""Returns a text with its control characters as ``\u001b``, so that it can only be read on a screen.

    Args:
        text: The text.
        lines: Whether line ends and tabs stay as they are.
    """
    return _CONTROL.sub(lambda match: match[0] if lines and match[0] in "\n\t" else _escaped(match[0]), str(text))


def echo(text: object = "", err: bool = False) -> None:
    """Prints a text of one or several lines, with :func:`printable` and in the encoding of the screen.

    Args:
        text: The text.
        err: Whether it goes to standard error.
    """
    import click

    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    safe = printable(text, lines=True).encode(encoding, "backslashreplace").decode(encoding)
    click.echo(safe, err=err)


def shown(value: Any) -> str:
    """Returns a value for an error message, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        text = "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _escaped(character: str) -> str:
    """Returns a character as JSON and Python write it."""
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
