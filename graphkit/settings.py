"""Values of settings: types and ranges from type hints, and YAML that is safe to read."""

import inspect
import math
import re
import types
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import yaml

from graphkit.errors import InputError, InputTypeError

#: Largest YAML text, in characters.
MAX_TEXT = 100_000
#: Deepest nesting of a value.
MAX_DEPTH = 32
#: Largest number of values in one YAML text, with its aliases expanded.
MAX_VALUES = 20_000
#: Largest number; the weights of a model are float32, and that ends at 3.4e38.
MAX_NUMBER = 1e30
#: Words that stand for no value where a setting may have none.
OFF = ("none", "null", "~", "")


class Setting(NamedTuple):
    """Type hint and default of one setting."""

    hint: Any
    default: Any = inspect.Parameter.empty


class Range(NamedTuple):
    """Range of a number, as metadata of a type hint: ``Annotated[int, Range(1)]``.

    Args:
        low: Smallest value.
        high: Largest value.
        open_low: Whether ``low`` itself is excluded.
        open_high: Whether ``high`` itself is excluded.
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and (value < self.high if self.open_high else value <= self.high))

    def violated(self, value: float) -> str:
        """Returns what a value outside of the range must be."""
        if self.high <= 1:
            if self.open_low and self.open_high:
                return f"lie between {self.low:g} and {self.high:g}"
            return f"lie in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"
        if value > self.low:
            return f"be at most {self.high:,.0f}"
        if self.low == 0:
            return "be positive" if self.open_low else "not be negative"
        return f"be at least {self.low:g}"


def shown(value: Any) -> str:
    """Returns a value for an error message, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        text = "a number of too many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the type hints of a function or a class, those that cannot be evaluated as ``Any``."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:  # a name that is imported for type checkers only
        given = getattr(function, "__annotations__", {})
        return {name: Any if isinstance(hint, str) else hint for name, hint in given.items()}


def signature_settings(function: Callable[..., Any], given: Container[str] = ()) -> dict[str, Setting]:
    """Returns the arguments of a function that a configuration can set.

    Args:
        function: The function; of a class, its ``__init__``.
        given: Names of arguments that come from elsewhere.
    """
    hints = hints_of(function)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        p.name: Setting(hints.get(p.name, Any), p.default)
        for p in inspect.signature(function).parameters.values()
        if p.kind in named and p.name != "self" and p.name not in given
    }


def coerce(name: str, value: Any, hint: Any, optional: bool = False) -> Any:
    """Returns a value in the type of a hint.

    Numbers may be given as text, such as ``1e-3``, which YAML takes for text; one value stands for a list of one, and
    text with commas for a list. Where there may be no value, ``none``, ``null`` and ``~`` mean ``None``; a path
    (``str | Path``) may be called ``none``.

    Args:
        name: Name of the setting, for the message.
        value: The value, as YAML or Python has it.
        hint: Type hint; :class:`Range` within ``Annotated`` is checked, ``Literal`` names the choices.
        optional: Whether the message offers ``none``.

    Raises:
        InputTypeError: If the value is of another type.
        InputError: If it is out of range, or not among the choices.
    """
    origin, args = get_origin(hint), get_args(hint)
    off = ", or none to turn it off" if optional else ""
    if hint is Any or hint is inspect.Parameter.empty:
        return value
    if origin is Annotated:
        value = coerce(name, value, args[0], optional)
        for limit in args[1:]:
            if isinstance(limit, Range) and value not in limit:
                raise InputError(f"`{name}` must {limit.violated(value)}{off} (got {shown(value)})")
        return value
    if origin in (Union, types.UnionType):
        return _one_of(name, value, args, optional)
    if origin is Literal:
        if value is None and "none" in args:
            return "none"
        if not isinstance(value, str) or value not in args:
            raise InputError(f"`{name}` must be one of {', '.join(args)} (got {shown(value)})")
        return value
    if hint is bool:
        if not isinstance(value, bool):
            third = " or none, as in the data" if name.startswith("data.") else " or none"  # which is not "off"
            choices = f"true, false{third}" if optional else "true or false"
            raise InputTypeError(f"`{name}` must be {choices} (got {shown(value)})")
        return value
    if hint is int or hint is float:
        return _number(name, value, integer=hint is int, off=off)
    if hint is str:
        if not isinstance(value, str):
            raise InputTypeError(f"`{name}` must be text{off} (got {shown(value)})")
        if "\0" in value:
            raise InputError(f"`{name}` must be text without null characters (got {shown(value)})")
        return value
    kind = origin or hint
    if kind in (tuple, list, Sequence):
        return _list(name, value, args[0] if args else Any, off)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise InputTypeError(f"`{name}` must be of the type {kind.__name__}{off} (got {shown(value)})")
    return value


def _one_of(name: str, value: Any, hints: Sequence[Any], optional: bool) -> Any:
    """Returns a value in the first type of several that takes it; one that it has already comes first."""
    if type(None) in hints:
        word = isinstance(value, str) and Path not in hints and value.strip().lower() in OFF
        if value is None or word or value == "":
            return None
        hints, optional = [hint for hint in hints if hint is not type(None)], True
    kinds: dict[Any, Any] = {str: str, Sequence: list | tuple, list: list | tuple, tuple: list | tuple, bool: bool}
    fits = [h for h in hints if isinstance(value, kinds.get(get_origin(h) or h, ()))]
    problem: InputError | None = None
    for hint in (*fits, *hints):
        try:
            return coerce(name, value, hint, optional)
        except InputError as error:
            problem = problem or error
    raise problem or InputTypeError(f"`{name}` cannot be set (got {shown(value)})")


def _number(name: str, value: Any, integer: bool, off: str) -> int | float:
    """Returns a finite number that a model can compute with."""
    number: Any = math.nan
    if not isinstance(value, bool):
        for convert in (int, float) if integer and isinstance(value, int | str) else (float,):
            try:
                number = convert(value)
                break
            except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several numbers
                continue
    if integer and isinstance(number, float) and math.isfinite(number) and number.is_integer():
        number = int(number)
    if not (isinstance(number, int) if integer else math.isfinite(number)):
        raise InputTypeError(f"`{name}` must be a {'whole ' if integer else ''}number{off} (got {shown(value)})")
    if integer and abs(number) >= 2**63:
        raise InputError(f"`{name}` must be a whole number below 2**63{off} (got {shown(value)})")
    if not integer and abs(number) > MAX_NUMBER:
        raise InputError(f"`{name}` must be a number of at most {MAX_NUMBER:g}{off} (got {shown(value)})")
    return number


def _list(name: str, value: Any, hint: Any, off: str) -> list[Any]:
    """Returns a list; text is read as people write lists: ``4, 1``."""
    if isinstance(value, str):
        parts = [token.strip() for token in value.split(",")] if value.strip() else []
        try:
            value = parts if hint is str else [parse_yaml(token) for token in parts]
        except (yaml.YAMLError, InputError):
            raise InputError(f"`{name}` must be a list, such as [a, b]{off} (got {shown(value)})") from None
    elif isinstance(value, int | float | Mapping):
        value = [value]
    elif not isinstance(value, list | tuple):
        got = "nothing" if value is None else shown(value)
        raise InputTypeError(f"`{name}` must be a list{off} (got {got})")
    return [coerce(name, item, hint) for item in value]


class _Composer(yaml.SafeLoader):
    """Reads YAML into nodes; plain words are numbers, ``true``, ``false``, ``null`` and otherwise text.

    These are a part of what PyYAML resolves, so that what it has written reads the same. Not read are ``on`` and
    ``yes`` as true, ``010`` as 8, ``1:30`` as 90 and ``2024-01-01`` as a date: such words stay text.
    """

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 (PyYAML declares it without ClassVar)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Returns the next node; refuses one that is too deep."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"values must be nested at most {MAX_DEPTH} levels deep (got more)")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_TAG = "tag:yaml.org,2002:"
_FLOAT = (
    r"^(?:[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
for _kind, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,18})$", list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
):
    _Composer.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _first)


def parse_yaml(text: str) -> Any:
    """Reads YAML that holds text, numbers, ``true``, ``false``, ``null``, lists and mappings with text as keys.

    Size, depth and the number of values are limited, those that aliases stand for included.

    Raises:
        yaml.YAMLError: If the text is not YAML.
        InputError: If it is too large or too deep, or holds a key twice or a value of another kind.
    """
    if len(text) > MAX_TEXT:
        raise InputError(f"a YAML text must have at most {MAX_TEXT:,} characters (got {len(text):,})")
    composer = _Composer(text)
    try:
        node = composer.get_single_node()
        return None if node is None else _value(node, 0, [MAX_VALUES])
    finally:
        composer.dispose()


def _value(node: yaml.Node, depth: int, left: list[int]) -> Any:
    """Returns the value of a node."""
    line = node.start_mark.line + 1
    left[0] -= 1
    if left[0] < 0:
        raise InputError(f"line {line}: there must be at most {MAX_VALUES:,} values, aliases expanded (got more)")
    if depth > MAX_DEPTH:
        raise InputError(f"line {line}: values must be nested at most {MAX_DEPTH} levels deep (got more)")
    tag = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.SequenceNode) and tag == "seq":
        return [_value(item, depth + 1, left) for item in node.value]
    if isinstance(node, yaml.MappingNode) and tag == "map":
        content: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"line {key.start_mark.line + 1}: a key must be text; write it in quotes")
            if key.value in content:
                name = shown(key.value)
                raise InputError(f"line {key.start_mark.line + 1}: the key {name} is there twice; keep one")
            content[key.value] = _value(item, depth + 1, left)
        return content
    if isinstance(node, yaml.ScalarNode):
        if tag == "str":
            return node.value
        if tag == "null":
            return None
        if tag == "bool" and node.value.lower() in ("true", "false"):
            return node.value.lower() == "true"
        if tag in ("int", "float"):
            text = node.value.lower().replace(".inf", "inf").replace(".nan", "nan")
            try:
                return int(text) if tag == "int" else float(text)
            except ValueError:
                pass
    raise InputError(f"line {line}: a value must be text, a number, true, false, null, a list or keys and values; "
                     f"leave out the tag '{node.tag}'")  # fmt: skip
