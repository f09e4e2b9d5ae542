"""Numbers in text cells: decimal commas and other ways to write numbers."""

import re
from collections.abc import Sequence

from graphkit.data.labels import is_no_label

_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d{1,3})?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
#: Ways to write numbers that are not read, with the remedy; all cells of a column must match.
_OTHER_WAYS = (
    (r"\[.*\]|\(.+[,\s].*\)|\{.*\}", "a list", "write one column for each number"),
    (r"[+-]?\d+(?:[.,]\d+)?\s*%", "a percentage", "write 0.12 or 12 for 12 %"),
    (
        r"[\u2012-\u2015\u2212]\s*\d+(?:[.,]\d+)?",
        "a number with another minus sign",
        "write a hyphen before the number",
    ),
    (r"\(\d+(?:[.,]\d+)?\)", "a number in parentheses", "write a hyphen before the number if it is negative"),
    (r"0[xX][0-9a-fA-F]+", "a hexadecimal number", "write decimal digits"),
    (r"[+-]?[$€£¥]\s*\d[\d.,]*|\d[\d.,]*\s*[$€£¥]", "an amount of money", "write the number alone"),
    (
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?: .*)?",
        "a date",
        "write numbers, such as days since the first date",
    ),
    (r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?", "a time", "write numbers, such as minutes"),
    (
        r"[+-]?\d{1,3}(?:[,.' \u00a0\u202f]\d{3})+(?:[.,]\d+)?|[+-]?\d+",
        "a number with thousands separators",
        "write it without them",
    ),
    (
        r"[+-]?\d*,\d+(?:[eE][+-]?\d{1,3})?|[+-]?\d+",
        "a number with a decimal comma",
        "write a decimal point, or separate the cells by semicolons",
    ),
)
_UNIT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*([^\W\d_]{1,5})")


def number_of(cell: str) -> float | None:
    """Returns a cell as a number, or ``None`` if it is not one."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def decimal_points(cells: Sequence[str], certain: bool) -> list[str] | None:
    """Replaces decimal commas by points.

    Args:
        cells (list[str]): Cells of a column.
        certain (bool): If ``True``, ``1,234`` is a number with a decimal comma, also if all cells have this form.

    Returns:
        The cells; ``None`` if they are not all numbers without points, or missing.
    """
    commas = [cell for cell in cells if "," in cell]
    plain = [cell for cell in cells if "," not in cell and not is_no_label(cell, regression=True)]
    if not all(_COMMA.fullmatch(cell) for cell in commas):
        return None
    if not all(number_of(cell) is not None and "." not in cell for cell in plain):
        return None
    if not certain and all(_THOUSANDS.fullmatch(cell) for cell in commas):
        return None
    return [cell.replace(",", ".") for cell in cells]


def other_way(words: Sequence[str]) -> tuple[str, str] | None:
    """Recognizes dates, percentages and other numbers that are not read.

    Args:
        words (list[str]): Different words of a column that contains no missing ones.

    Returns:
        Description and remedy; ``None`` for other words.

    Example:
        >>> other_way(["12 %", "30 %"])
        ('a percentage', 'write 0.12 or 12 for 12 %')
    """
    for pattern, what, remedy in _OTHER_WAYS:
        if all(re.fullmatch(pattern, word, re.DOTALL) for word in words):
            return what, remedy
    units = {match[1] if (match := _UNIT.fullmatch(word)) else "" for word in words}
    if len(words) > 1 and len(units) == 1 and units != {""}:
        return f"a number with the unit '{units.pop()}'", "write the number alone, and the unit in the column name"
    return None
