"""Layers of a configuration: read from YAML and ``key=value``, and laid over each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from graphkit.data import is_path
from graphkit.errors import InputError
from graphkit.plain_yaml import MAX_TEXT, parse_yaml
from graphkit.registry import canonical_dataset, canonical_loss, canonical_model, canonical_strategy
from graphkit.screen import shown

#: Layer of settings as YAML has it: sections with keys and values.
Layer = Mapping[str, Any]

#: Sections, with an example of what they hold.
EXAMPLES = {
    "model": "{name: gcn}",
    "data": "{name: cora}",
    "train": "{lr: 0.01}",
    "stream": "{per_task: 2}",
    "strategies": "{twp: {lambda_t: 1}}",
    "distill": "{teacher: runs/gat-cora-001}",
    "teacher": "{model: {name: gat}}",
    "student": "{model: {name: gat}}",
    "losses": "{lsp: {weight: 10}}",
}
#: Sections whose entries are sections themselves, with the registered spelling of their names.
_CANONICAL = {"losses": canonical_loss, "strategies": canonical_strategy}
#: Sections that have a model and training settings of their own.
_NETWORKS = ("teacher", "student")


def merge(*layers: Layer) -> dict[str, Any]:
    """Returns the layers combined section by section; a later layer has precedence over an earlier one.

    Names of models, data sets, losses and strategies become the registered ones. The options of a model are not those
    of another: where a later layer names another model, the options of the earlier one are dropped.

    Raises:
        InputError: If a section that holds keys and values is given as something else.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _combine(merged, layer, "")
    return merged


def _combine(section: Layer, layer: Layer, path: str) -> dict[str, Any]:
    """Returns a section with a later layer laid over it."""
    names = {part["name"] for part in (section, layer) if isinstance(part.get("name"), str)}
    merged = {} if path.rpartition(".")[2] == "model" and len(names) > 1 else dict(section)
    for key, value in layer.items():
        key = _CANONICAL[path](key) if path in _CANONICAL else key
        inner = f"{path}.{key}".lstrip(".")
        if path not in _CANONICAL and not (key in EXAMPLES and path in ("", *_NETWORKS)):
            merged[key] = value
            continue
        value = {} if value is None and path in _CANONICAL else value
        if not isinstance(value, Mapping):
            example = EXAMPLES.get(key, "{strength: 1}" if path == "strategies" else "{weight: 10}")
            raise InputError(f"`{inner}` must hold keys and values, such as '{inner}: {example}' (got {shown(value)})")
        old = merged.get(key)
        merged[key] = _combine(old if isinstance(old, Mapping) else {}, with_name(key, value), inner)
    return merged


def with_name(section: str, settings: Layer) -> Layer:
    """Returns the section ``model`` or ``data`` with the registered spelling of its name."""
    name = settings.get("name")
    if not isinstance(name, str):
        return settings
    if section == "model":
        return {**settings, "name": canonical_model(name)}
    if section == "data" and not is_path(name):
        return {**settings, "name": canonical_dataset(name)}
    return settings


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a configuration file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no YAML mapping, or is too large; see :func:`graphkit.plain_yaml.parse_yaml`.
    """
    try:
        with open(path, "rb") as file:
            content = parse_yaml(file.read(4 * MAX_TEXT + 1).decode("utf-8"))
    except IsADirectoryError:
        raise InputError(f"'{path}' is a folder; give a YAML file of settings") from None
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not a YAML file ({error}); save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f"line {mark.line + 1}: {problem}" if mark and problem else " ".join(str(error).split())
        raise InputError(f"'{path}' is not a YAML file ({line})") from None
    except InputError as error:
        raise InputError(f"'{path}': {error}") from None
    if not isinstance(content, dict):
        got = shown(content)
        raise InputError(f"'{path}' must hold keys and values, such as 'train: {{lr: 0.01}}' (got {got})")
    return content


def parse_setting(text: str) -> dict[str, Any]:
    """Turns ``"train.lr=0.01"`` into ``{"train": {"lr": 0.01}}``; the value is read as YAML, or else as text."""
    path, separator, value = text.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not separator or not all(keys):
        raise InputError(f"a setting must read key=value, such as train.lr=0.01 (got {shown(text)})")
    try:
        setting: Any = parse_yaml(value)
    except yaml.YAMLError:
        setting = value
    except InputError as error:
        raise InputError(f"`{path.strip()}`: {error}") from None
    for key in reversed(keys[1:]):
        setting = {key: setting}
    return {keys[0]: setting}
