"""Trials of a search, and the choice of one on validation items."""

from collections.abc import Sequence
from typing import Any, TypedDict

from graphkit.errors import InputError
from graphkit.training.run_result import NotNegative


class TrialFit(TypedDict):
    """Keys of ``fit.json`` of a trial that a search reads."""

    validation: float | None
    seconds: NotNegative


class _Duration(TypedDict, total=False):
    seconds: NotNegative


class Trial(_Duration):
    """Settings of a trial, its validation score and its duration."""

    options: dict[str, Any]
    validation: float | None


def choose_trial(name: str, scores: Sequence[float | None], maximize: bool) -> int:
    """Returns the number of the trial with the best validation score.

    Of equal trials, it is the first.

    Args:
        name (str): Name of the model or strategy in the error message.
        scores (list[float]): Validation score of each trial, ``None`` without one.
        maximize (bool): Whether larger scores are better.

    Raises:
        InputError: If no trial has a score.

    Example:
        >>> choose_trial("gcn", [None, 0.7, 0.8, 0.8], maximize=True)
        2
    """
    scored = [number for number, score in enumerate(scores) if score is not None]
    if not scored:
        raise InputError(f"no trial of '{name}' has a validation score; give other settings or data")
    return max(scored, key=lambda number: (scores[number] or 0.0) * (1 if maximize else -1))


def summarize_trials(name: str, trials: Sequence[Trial], maximize: bool) -> dict[str, Any]:
    """Returns trials, the chosen one, and the choice of half of the trials.

    Args:
        name (str): Name of the model or strategy in the error message.
        trials (list[Trial]): The trials.
        maximize (bool): Whether larger scores are better.

    Raises:
        InputError: If no trial has a score.
    """
    scores = [trial["validation"] for trial in trials]
    half = scores[: len(scores) // 2]
    return {
        "trials": [*trials],
        "chosen": choose_trial(name, scores, maximize),
        "half": choose_trial(name, half, maximize) if any(score is not None for score in half) else None,
    }
