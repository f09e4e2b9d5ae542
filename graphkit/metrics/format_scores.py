"""Formatting of scores: mean, standard deviation, unit and digits."""

from collections.abc import Mapping
from typing import Any

#: Metrics that are shown as percentages.
PERCENT = frozenset(("accuracy", "balanced-accuracy", "macro-f1", "micro-f1", "roc-auc", "top-5-accuracy"))


def format_score(value: float, percent: bool = False, digits: int = 4, sign: bool = False) -> str:
    """Formats a score.

    Args:
        value (float): The score.
        percent (bool, optional): Shows a percentage with two digits less. (default: ``False``)
        digits (int, optional): Number of decimal digits of a score that is not a percentage. (default: ``4``)
        sign (bool, optional): Shows a plus sign. (default: ``False``)

    Example:
        >>> format_score(0.82125), format_score(0.82125, percent=True, sign=True)
        ('0.8213', '+82.12')
    """
    value, digits = (100 * value, digits - 2) if percent else (value, digits)
    return format(value, f"{'+' if sign else ''}.{digits}f")


def format_value(value: float | None, percent: bool = False, digits: int = 4, missing: str = "-") -> str:
    """Formats a score that may be undefined, see :func:`format_score`."""
    return missing if value is None else format_score(value, percent, digits)


def format_scores(
    scores: Mapping[str, Any] | None,
    percent: bool = False,
    digits: int = 4,
    plus_minus: str = "+-",
    missing: str = "-",
) -> str:
    """Formats a mean, with the standard deviation over several runs.

    Args:
        scores (dict, optional): ``mean``, ``std`` and ``runs``, as in ``result.json``; ``None`` without a score.
        percent (bool, optional): As for :func:`format_score`. (default: ``False``)
        digits (int, optional): As for :func:`format_score`. (default: ``4``)
        plus_minus (str, optional): Sign between mean and standard deviation. (default: ``"+-"``)
        missing (str, optional): Text without a score. (default: ``"-"``)

    Example:
        >>> format_scores({"mean": 0.82125, "std": 0.0075, "runs": [0.81, 0.83]}, percent=True)
        '82.12 +- 0.75'
    """
    if not scores:
        return missing
    text = format_score(scores["mean"], percent, digits)
    if len(scores["runs"]) > 1:
        text += f" {plus_minus} {format_score(scores['std'], percent, digits)}"
    return text
