"""Validation of values by type hints, with pydantic."""

import functools
import inspect
import math
import operator
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import yaml
from pydantic import AfterValidator, BeforeValidator, Strict, TypeAdapter, ValidationError

from graphkit.errors import InputError, InputTypeError
from graphkit.plain_yaml import parse_yaml
from graphkit.screen import shown

#: Largest absolute value of a setting, well within float32.
MAX_NUMBER = 1e30
#: Words that denote ``None`` for an optional setting.
OFF = ("none", "null", "~", "")
#: Hint of an argument without an annotation.
EMPTY = inspect.Parameter.empty


class Range(NamedTuple):
    """Range of a number, as metadata of a type hint: ``Annotated[int, Range(1)]``.

    Args:
        low (float): Smallest value.
        high (float, optional): Largest value. (default: ``math.inf``)
        open_low (bool, optional): If ``True``, excludes ``low``. (default: ``False``)
        open_high (bool, optional): If ``True``, excludes ``high``. (default: ``False``)
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and (value < self.high if self.open_high else value <= self.high))

    def violated(self, value: float) -> str:
        """Returns the requirement that a value violates, for an error message."""
        if self.high <= 1:
            if self.open_low and self.open_high:
                return f"lie between {self.low:g} and {self.high:g}"
            return f"lie in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"
        if value > self.low:
            return f"be at most {self.high:,.0f}"
        if self.low == 0:
            return "be positive" if self.open_low else "not be negative"
        return f"be at least {self.low:g}"


def coerce(name: str, value: Any, hint: Any) -> Any:
    """Converts a value to the type of a hint and validates it with pydantic.

    Numbers may be text, such as ``1e-3``, which YAML parses as text. A single value or text with commas is converted to
    a list. For an optional setting, ``none``, ``null`` and ``~`` denote ``None``, except for paths (``str | Path``).

    Args:
        name (str): Name of the setting, for error messages.
        value (Any): Value from YAML or Python.
        hint (Any): Type hint, optionally with :class:`Range` in ``Annotated``, or a ``Literal`` of choices.

    Raises:
        InputTypeError: If the value has another type.
        InputError: If the value is out of range or not one of the choices.
    """
    if hint is EMPTY:
        return value
    try:
        return _adapter(hint).validate_python(value)
    except ValidationError as error:
        problem = _main_problem(error.errors(include_url=False), value)
    must, kind = _requirement(problem)
    if problem["type"] == "literal_error":
        kinds = [get_origin(member) for member in get_args(hint)]
        must += "".join(f", {word}" for kind, word in ((Sequence, "a list"), (Mapping, "a mapping")) if kind in kinds)
    in_list = any(isinstance(step, int) for step in problem["loc"]) or isinstance(value, Mapping)
    if _is_optional(hint) and not in_list:
        third = " or none, as in the data" if name.startswith("data.") else " or none"  # differs from false
        must = f"be true, false{third}" if problem["type"] == "bool_type" else f"{must}, or none"
    raise kind(f"`{name}` must {must} (got {shown(problem['input'])})")


def _main_problem(problems: list[Any], value: Any) -> Any:
    """Returns the error of a union to report: the innermost one for non-text."""
    if problems[0]["type"] == "literal_error" and not isinstance(value, str):
        return max(reversed(problems), key=lambda problem: len(problem["loc"]))
    return problems[0]


class _Mismatch(ValueError):
    """Violated requirement of a value, such as ``"be at least 1"``."""

    def __init__(self, must: str, kind: type[InputError] = InputTypeError) -> None:
        super().__init__(must)
        self.must, self.kind = must, kind


def _requirement(problem: Any) -> tuple[str, type[InputError]]:
    """Returns the requirement and the exception class of a pydantic error."""
    if problem["type"] == "value_error":
        mismatch = problem["ctx"]["error"]
        return mismatch.must, mismatch.kind
    if problem["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        return f"be one of {', '.join(choices)}", InputError
    names = {"bool_type": "true or false", "string_type": "text"}
    return f"be {names.get(problem['type'], 'of another type')}", InputTypeError


@functools.cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    """Returns the pydantic validator of a type hint."""
    return TypeAdapter(_lenient(hint))


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _lenient(hint: Any) -> Any:
    """Returns a type hint with validators that convert text."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return hint
    if origin is Annotated:
        limits = [AfterValidator(functools.partial(_in_range, limit)) for limit in args[1:] if isinstance(limit, Range)]
        inner: Any = _lenient(args[0])
        for limit in limits:
            inner = Annotated[inner, limit]
        return inner
    if origin in (Union, types.UnionType):
        members: Any = functools.reduce(operator.or_, (_lenient(arg) for arg in args if arg is not type(None)))
        if type(None) not in args:
            return members
        return Annotated[members | None, BeforeValidator(functools.partial(_read_none, Path in args))]
    if origin is Literal:
        return Annotated[hint, BeforeValidator(lambda value: "none" if value is None and "none" in args else value)]
    if hint is bool:
        return Annotated[bool, Strict()]
    if hint is int or hint is float:
        return Annotated[Any, AfterValidator(functools.partial(_number, integer=hint is int))]
    if hint is str:
        return Annotated[str, Strict(), AfterValidator(_without_null)]
    kind = origin or hint
    if kind in (tuple, list, Sequence):
        item: Any = args[0] if args else Any
        items: Any = list[_lenient(item)]  # type: ignore[misc]
        return Annotated[items, BeforeValidator(functools.partial(_read_list, item is str))]
    if kind is Mapping and args:
        key = Annotated[str, BeforeValidator(lambda name: str(name) if isinstance(name, int) else name)]
        values: Any = dict[key, _lenient(args[1])]  # type: ignore[misc]
        return values
    if not isinstance(kind, type):
        return Any
    return Annotated[Any, AfterValidator(functools.partial(_instance, kind))]


def _instance(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise _Mismatch(f"be of the type {kind.__name__}")
    return value


def _in_range(limit: Range, value: Any) -> Any:
    if value not in limit:
        raise _Mismatch(limit.violated(value), InputError)
    return value


def _read_none(path: bool, value: Any) -> Any:
    """Converts words that denote ``None``; a path may be called ``none``."""
    is_word = isinstance(value, str) and not path and value.strip().lower() in OFF
    return None if is_word or (isinstance(value, str) and not value) else value


def _without_null(value: str) -> str:
    if "\0" in value:
        raise _Mismatch("be text without null characters", InputError)
    return value


def _number(value: Any, integer: bool) -> int | float:
    """Converts a value to a finite number."""
    number: int | float = math.nan
    if not isinstance(value, bool):
        kinds: tuple[type[int | float], ...] = (int, float) if integer and isinstance(value, int | str) else (float,)
        for kind in kinds:
            try:
                number = kind(value)
                break
            except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several numbers
                continue
    if integer and isinstance(number, float) and math.isfinite(number) and number.is_integer():
        number = int(number)
    if not (isinstance(number, int) if integer else math.isfinite(number)):
        raise _Mismatch(f"be a {'whole ' if integer else ''}number")
    if integer and abs(number) >= 2**63:
        raise _Mismatch("be a whole number below 2**63", InputError)
    if not integer and abs(number) > MAX_NUMBER:
        raise _Mismatch(f"be a number of at most {MAX_NUMBER:g}", InputError)
    return number


def _read_list(of_text: bool, value: Any) -> Any:
    """Converts a value, an array, a tensor or text such as ``4, 1`` to a list."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, str):
        items = [item.strip() for item in value.split(",")] if value.strip() else []
        try:
            return items if of_text else [parse_yaml(item) for item in items]
        except (yaml.YAMLError, InputError):
            raise _Mismatch("be a list, such as [a, b]", InputError) from None
    if isinstance(value, int | float | Mapping):
        return [value]
    if not isinstance(value, list | tuple):
        raise _Mismatch("be a list")
    return list(value)
