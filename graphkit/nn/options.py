"""Validation of constructor arguments of layers and models."""

import sys
from collections.abc import Mapping, Sequence
from inspect import signature
from numbers import Integral, Real
from typing import Any

from graphkit.errors import InputError, InputTypeError

#: Largest width, and largest number of layers, hops or blocks, of any layer or model.
WIDEST, DEEPEST = 2**24, 1000


def check_counts(least: int = 1, most: int = WIDEST, **counts: Any) -> None:
    """Raises an error unless every argument is an integer from ``least`` to ``most``."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, Integral):
            raise InputTypeError(f"`{name}` must be a whole number (got {_short(count)})")
        if int(count) < least:
            raise InputError(f"`{name}` must be at least {least} (got {_short(count)})")
        if int(count) > most:
            raise InputError(f"`{name}` must be at most {most} (got {_short(count)})")


def check_numbers(above: float = -float("inf"), least: float = -float("inf"), **numbers: Any) -> None:
    """Raises an error unless every argument is a finite number within the bounds."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InputTypeError(f"`{name}` must be a number (got {_short(value)})")
        number: Any = value
        if not abs(number) <= sys.float_info.max:
            raise InputError(f"`{name}` must be finite (got {_short(value)})")
        if not number > above or number < least:
            bound = f"greater than {above:g}" if not number > above else f"at least {least:g}"
            raise InputError(f"`{name}` must be {bound} (got {_short(value)})")


def check_shares(**shares: Any) -> None:
    """Raises an error unless every argument is a rate in [0, 1)."""
    for name, value in shares.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InputTypeError(f"`{name}` must be a number in [0, 1) (got {_short(value)})")
        share: Any = value
        if not 0 <= share < 1:
            raise InputError(f"`{name}` must lie in [0, 1) (got {_short(value)})")


def check_flags(**flags: Any) -> None:
    """Raises an error unless every argument is a bool."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise InputTypeError(f"`{name}` must be true or false (got {_short(flag)})")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raises an error unless ``value`` is one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        kind = InputError if isinstance(value, str) else InputTypeError
        listed = " or ".join(map(repr, choices)) if len(choices) == 2 else f"one of {', '.join(choices)}"
        raise kind(f"`{name}` must be {listed} (got {_short(value)})")


def checked_list(name: str, values: Any) -> tuple[int, ...]:
    """Returns a list of positive integers as a tuple."""
    is_list = isinstance(values, Sequence) and not isinstance(values, str)
    if not is_list or not 0 < len(values) <= DEEPEST or not all(_is_whole(value, 1, WIDEST) for value in values):
        shown = list(values) if is_list else values
        kind = InputError if is_list else InputTypeError
        raise kind(f"`{name}` must list whole numbers, all at least 1, such as [4, 1] (got {_short(shown)})")
    return tuple(int(value) for value in values)


def check_like(options: Mapping[str, Any], *classes: type) -> None:
    """Raises an error for options of another type than their defaults."""
    parameters = {name: parameter for cls in classes for name, parameter in signature(cls).parameters.items()}
    for name, value in options.items():
        default = parameters[name].default if name in parameters else None
        if isinstance(default, bool):
            check_flags(**{name: value})
        elif isinstance(default, int):
            check_counts(least=min(default, 1), **{name: value})
        elif isinstance(default, float):
            check_numbers(**{name: value})


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
