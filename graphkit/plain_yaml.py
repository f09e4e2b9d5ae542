"""Safe YAML parser: text, numbers, lists and mappings within size limits."""

import re
from typing import Any

import yaml

from graphkit.errors import InputError
from graphkit.screen import shown

#: Largest YAML text, in characters.
MAX_TEXT = 100_000
#: Deepest nesting of a value.
MAX_DEPTH = 32
#: Largest number of values in one YAML text, with its aliases expanded.
MAX_VALUES = 20_000


class _Composer(yaml.SafeLoader):
    """YAML composer with a restricted set of implicit types.

    Plain words are numbers, ``true``, ``false``, ``null`` or text, which preserves the output of PyYAML. ``on`` and
    ``yes``, ``010``, ``1:30`` and ``2024-01-01`` are text.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML declares it without ClassVar)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Returns the next node; raises an error if it is nested too deeply."""
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
    """Parses YAML of text, numbers, booleans, nulls, lists and mappings.

    Size, depth and the number of values (with expanded aliases) are limited.

    Raises:
        yaml.YAMLError: If the text is not YAML.
        InputError: If the text is too large or nested too deeply, or has a duplicate key or a value of another type.

    Example:
        >>> parse_yaml("{lr: 0.01, factors: [4, 1]}")
        {'lr': 0.01, 'factors': [4, 1]}
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
