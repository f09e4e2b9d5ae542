"""Layers of a configuration: nested mappings from YAML files and ``key=value``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from graphkit.data import is_path
from graphkit.errors import InputError
from graphkit.plain_yaml import MAX_TEXT, parse_yaml
from graphkit.registry import canonical_dataset, canonical_loss, canonical_model, canonical_strategy
from graphkit.screen import shown

#: Mapping of sections to settings, as in a YAML file.
Layer = Mapping[str, Any]

#: Sections, with an example of their content for error messages.
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
#: Sections that contain a section per loss or strategy, with the function that returns the registered name.
_CANONICAL = {"losses": canonical_loss, "strategies": canonical_strategy}
#: Sections that contain the sections ``model`` and ``train``.
_NETWORKS = ("teacher", "student")


def merge(*layers: Layer) -> dict[str, Any]:
    """Merges layers section by section; later layers have precedence.

    Names of models, data sets, losses and strategies are replaced by the registered spelling. If a later layer names
    another model, the options of the earlier model are dropped.

    Raises:
        InputError: If a section is not a mapping.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _combine(merged, layer, "")
    return merged


def _combine(section: Layer, layer: Layer, path: str) -> dict[str, Any]:
    """Merges a later layer into a section."""
    names = {given["name"] for given in (section, layer) if isinstance(given.get("name"), str)}
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
    """Returns a section ``model`` or ``data`` with its registered name.

    Other sections are returned unchanged.
    """
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
        InputError: If the file is not a YAML mapping, or is too large; see :func:`graphkit.plain_yaml.parse_yaml`.
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
    """Parses ``"train.lr=0.01"`` to ``{"train": {"lr": 0.01}}``.

    A value that is not YAML is text.

    Raises:
        InputError: If the text does not have the form ``key=value``, or the value exceeds the limits of YAML.
    """
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
