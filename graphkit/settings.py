"""Typed sections of a configuration, and settings from signatures."""

import functools
import inspect
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar, get_type_hints

from graphkit.coercion import EMPTY, coerce
from graphkit.errors import InputError, InputTypeError
from graphkit.plain_yaml import MAX_DEPTH
from graphkit.registry import unknown_name
from graphkit.screen import shown

S = TypeVar("S", bound="Section")


class Setting(NamedTuple):
    """Type hint and default of one setting."""

    hint: Any
    default: Any = EMPTY


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the type hints of a function or class; ``Any`` for undefined names."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:  # a name that is imported for type checkers only
        given = getattr(function, "__annotations__", {})
        return {name: Any if isinstance(hint, str) else hint for name, hint in given.items()}


def signature_settings(function: Callable[..., Any], given: Container[str] = ()) -> dict[str, Setting]:
    """Returns the configurable arguments of a function.

    Args:
        function (Callable[..., Any]): Function, or the ``__init__`` of a class.
        given (Container[str], optional): Names of arguments to exclude. (default: ``()``)
    """
    hints = hints_of(function)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        p.name: Setting(hints.get(p.name, Any), p.default)
        for p in inspect.signature(function).parameters.values()
        if p.kind in named and p.name != "self" and p.name not in given
    }


class _Unset:
    """Placeholder of an option that is not set: the default of the function applies."""

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:  # copies, and what is pickled and read again, are the same object
        return "UNSET"


UNSET: Any = _Unset()


@dataclass(frozen=True)
class Section:
    """Configuration section: a frozen dataclass with fields validated by type hints.

    Options from the signature of a function that are not set are :data:`UNSET`.

    Raises:
        InputError: If a value has another type, is out of range or is not one of the choices.
    """

    #: Name of the section in a configuration.
    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not UNSET:
                value = coerce(f"{self.section}.{field.name}".lstrip("."), value, hints[field.name])
                value = tuple(value) if isinstance(value, list) else str(value) if isinstance(value, Path) else value
                object.__setattr__(self, field.name, value)

    @classmethod
    def read(cls: type[S], given: Mapping[str, Any]) -> S:
        """Creates the section from a mapping.

        Raises:
            InputError: If a key is unknown or a value is invalid; the message suggests the closest key.
        """
        check_keys(cls.section, given, [field.name for field in fields(cls)])
        return cls(**given)

    def given(self, *skipped: str) -> dict[str, Any]:
        """Returns the values that are set, as keyword arguments.

        Args:
            skipped (optional): Names of fields to omit.
        """
        names = (field.name for field in fields(self) if field.name not in skipped)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not UNSET}

    def to_dict(self) -> dict[str, Any]:
        """Returns the values that are set as plain Python values for :meth:`read`."""
        return {name: plain(value, f"{self.section}.{name}".lstrip(".")) for name, value in self.given().items()}


def section_class(name: str, base: type[S], options: Mapping[str, Setting], section: str = "") -> type[S]:
    """Creates a section class with the fields of a base and additional options.

    Options that are not set are :data:`UNSET`.

    Args:
        name (str): Name of the class.
        base (type[S]): Base class.
        options (Mapping[str, Setting]): Names, type hints and defaults of the options.
        section (str, optional): Name of the section in a configuration; that of the base class if empty.
            (default: ``""``)
    """
    hints = tuple((key, Any if setting.hint is EMPTY else setting.hint) for key, setting in options.items())
    return _section_class(name, base, hints, section)  # type: ignore[arg-type]


@functools.cache
def _section_class(name: str, base: type[S], hints: tuple[tuple[str, Any], ...], section: str) -> type[S]:
    options = [(option, hint, UNSET) for option, hint in hints]
    return make_dataclass(name, options, bases=(base,), frozen=True, namespace={"section": section or base.section})


def check_keys(section: str, given: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raises an error for unknown keys of a section.

    Raises:
        InputError: If there is an unknown key; the message suggests the closest one.
    """
    names = list(allowed)
    for key in given:
        if key not in names:
            raise unknown_name("configuration key", str(key), names, f"{section}.".lstrip("."))


def check_sections(config: type[Section], given: Mapping[str, Any]) -> None:
    """Raises an error for unknown sections and top-level keys of a configuration.

    Raises:
        InputError: If there is an unknown key; the message suggests a key of a section with the same name.
    """
    hints = {field.name: hints_of(config)[field.name] for field in fields(config)}
    for key in given:
        paths = [f"'{name}.{key}'" for name, hint in hints.items() if key in getattr(hint, "__dataclass_fields__", ())]
        if key not in hints and paths:
            raise InputError(f"unknown configuration key '{key}'; did you mean {' or '.join(paths)}?")
    check_keys("", given, hints)


@contextmanager
def within(section: str) -> Iterator[None]:
    """Prefixes the keys of ``model`` and ``train`` in error messages by a section."""
    try:
        yield
    except InputError as error:
        message = re.sub(r"(?<=[`'])(?=(model|train)\.)", f"{section}.", str(error))
        raise type(error)(message) from None


def plain(value: Any, name: str = "", depth: int = 0) -> Any:
    """Converts a value to plain Python types that YAML preserves.

    Raises:
        InputError: If the value is nested too deeply.
        InputTypeError: If the value contains other types than text, numbers, lists and mappings.
    """
    if depth > MAX_DEPTH:
        raise InputError(f"`{name}` must be nested at most {MAX_DEPTH} levels deep (got more)")
    if isinstance(value, Section):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(item, f"{name}.{key}".lstrip("."), depth + 1) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item, name, depth + 1) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputTypeError(f"`{name}` must be text, a number, a list or keys and values (got {shown(value)})")
