"""The ``distill`` part of a configuration: who teaches, and by which losses."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from graphkit.errors import InputError
from graphkit.registry import get_loss, unknown_name
from graphkit.train.config import coerce

#: What every loss can be told, beside the arguments of its class.
_OF_TAPS = {"layers": None, "weight": None, "active_epochs": None}
#: Arguments of the losses that the two networks decide.
_GIVEN = ("self", "student_channels", "teacher_channels")


def resolve_distill(section: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part with every key and type checked.

    Args:
        section: ``teacher``, the run folder of the teacher, and ``losses``, a list of mappings with ``name``,
            ``layers`` (``"conv2:conv3"``, of the teacher and of the student), ``weight``, ``active_epochs`` and the
            options of the loss.

    Raises:
        ValueError: For an unknown loss or key, with the closest known one, and for a value of a wrong type.
    """
    for key in section:
        if key not in ("teacher", "losses"):
            raise unknown_name("configuration key", f"distill.{key}", ["distill.teacher", "distill.losses"])
    teacher, losses = section.get("teacher"), section.get("losses")
    if not isinstance(teacher, str) or not teacher:
        raise InputError(f"`distill.teacher` must be the folder of a run that has ended (got {teacher!r})")
    if isinstance(losses, str | bytes) or not isinstance(losses, Sequence) or not losses:
        raise InputError(f"`distill.losses` must be a list, such as [{{name: lsp, weight: 10}}] (got {losses!r})")
    return {"teacher": teacher, "losses": [_loss(each) for each in losses]}


def resolve_loss(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of one loss, checked.

    Raises:
        ValueError: As :func:`resolve_distill`.
    """
    known = {**_OF_TAPS, **loss_options(name)}
    checked = {}
    for key, value in options.items():
        if key not in known:
            raise unknown_name("configuration key", f"{name}.{key}", [f"{name}.{other}" for other in known])
        checked[key] = coerce(f"{name}.{key}", value, known[key])
    for key, whole in (("weight", False), ("active_epochs", True)):
        if checked.get(key) is not None:
            checked[key] = coerce(f"{name}.{key}", checked[key], 0 if whole else 0.0)
    if checked.get("layers") is not None:
        split_layers(checked["layers"])
    get_loss(name)(**{key: value for key, value in checked.items() if key not in _OF_TAPS})
    return checked


def loss_options(name: str) -> dict[str, Any]:
    """Returns the options of a loss with their defaults.

    Raises:
        ValueError: If there is no such loss; the closest name is offered.
    """
    arguments = inspect.signature(get_loss(name).__init__).parameters.values()
    return {argument.name: argument.default for argument in arguments if argument.name not in _GIVEN}


def split_layers(layers: str) -> tuple[str, str]:
    """Returns the layers of teacher and student in ``"conv2:conv3"``; one name stands for both.

    Raises:
        ValueError: If the text is not of that form.
    """
    parts = str(layers).split(":")
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise InputError(f"layers must read TEACHER:STUDENT, such as conv2:conv3 (got {layers!r})")
    return parts[0].strip(), parts[-1].strip()


def _loss(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise InputError(f"a loss of `distill.losses` must have a name, such as {{name: lsp}} (got {entry!r})")
    name = entry["name"]
    return {"name": name, **resolve_loss(name, {key: value for key, value in entry.items() if key != "name"})}
