"""Text of scores: means and deviations, with the unit and the digits that a metric is shown with."""

from collections.abc import Mapping
from typing import Any

#: Metrics that are fractions and are shown in per cent.
PERCENT = frozenset(("accuracy", "balanced-accuracy", "micro-f1", "roc-auc", "top-5-accuracy"))


def format_score(value: float, percent: bool = False, digits: int = 4, sign: bool = False) -> str:
    """Returns the text of one score.

    Args:
        value (float): The score.
        percent (bool, optional): Whether it is shown in per cent, with two digits less. (default: ``False``)
        digits (int, optional): Digits after the point of a score that is not in per cent. (default: ``4``)
        sign (bool, optional): Whether a plus sign is written. (default: ``False``)

    Example:
        >>> format_score(0.82125), format_score(0.82125, percent=True, sign=True)
        ('0.8213', '+82.12')
    """
    value, digits = (100 * value, digits - 2) if percent else (value, digits)
    return format(value, f"{'+' if sign else ''}.{digits}f")


def format_scores(
    scores: Mapping[str, Any] | None,
    percent: bool = False,
    digits: int = 4,
    plus_minus: str = "+-",
    missing: str = "-",
) -> str:
    """Returns the text of a mean, with the deviation where there are several runs.

    Args:
        scores (dict, optional): ``mean``, ``std`` and ``runs``, as in ``result.json``; ``None`` without any score.
        percent (bool, optional): As for :func:`format_score`. (default: ``False``)
        digits (int, optional): As for :func:`format_score`. (default: ``4``)
        plus_minus (str, optional): Sign between mean and deviation. (default: ``"+-"``)
        missing (str, optional): Text where there is no score. (default: ``"-"``)

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
