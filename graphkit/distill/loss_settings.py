"""The ``distill`` part of a configuration: who teaches, and by which losses."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from graphkit.config.schema import Count, check_keys, checked, register_section
from graphkit.errors import InputError
from graphkit.registry import canonical_loss, get_loss
from graphkit.settings import Range, Setting, coerce, shown, signature_settings

#: What every loss can be told, beside the arguments of its class.
_OF_TAPS = {
    "layers": Setting(str | None, None),
    "weight": Setting(Annotated[float, Range(0)] | None, None),
    "active_epochs": Setting(Count | None, None),
}
#: Arguments of the losses that the two networks decide.
_GIVEN = ("student_channels", "teacher_channels")


def resolve_distill(section: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part with every key and type checked.

    Args:
        section: ``teacher``, the run folder of the teacher, and ``losses``, a list of mappings with ``name``,
            ``layers`` (``"conv2:conv3"``, of the teacher and of the student), ``weight``, ``active_epochs`` and the
            options of the loss.

    Raises:
        ValueError: For an unknown loss or key, with the closest known one, and for a value of a wrong type.
    """
    check_keys("distill", section, ("teacher", "losses"))
    teacher, losses = section.get("teacher"), section.get("losses")
    if not isinstance(teacher, str) or not teacher:
        raise InputError(f"`distill.teacher` must be the folder of a run that has ended (got {shown(teacher)})")
    if isinstance(losses, str | bytes) or not isinstance(losses, Sequence) or not losses:
        example = "[{name: lsp, weight: 10}]"
        raise InputError(f"`distill.losses` must be a list, such as {example} (got {shown(losses)})")
    return {"teacher": coerce("distill.teacher", teacher, str), "losses": [_loss(entry) for entry in losses]}


def resolve_loss(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of one loss, checked.

    Raises:
        ValueError: As :func:`resolve_distill`.
    """
    settings = {**_OF_TAPS, **loss_settings(name)}
    options = checked(name, options, settings)
    if options.get("layers") is not None:
        split_layers(options["layers"])
    get_loss(name)(**{key: value for key, value in options.items() if key not in _OF_TAPS})
    return options


def loss_settings(name: str) -> dict[str, Setting]:
    """Returns the options of a loss, with their types and defaults.

    Raises:
        ValueError: If there is no such loss; the closest name is offered.
    """
    return signature_settings(get_loss(name).__init__, _GIVEN)


def split_layers(layers: str) -> tuple[str, str]:
    """Returns the layers of teacher and student in ``"conv2:conv3"``; one name stands for both.

    Raises:
        ValueError: If the text is not of that form.
    """
    parts = str(layers).split(":")
    if len(parts) > 2 or not all(layer.strip() for layer in parts):
        raise InputError(f"layers must read TEACHER:STUDENT, such as conv2:conv3 (got {layers!r})")
    return parts[0].strip(), parts[-1].strip()


def _loss(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise InputError(f"a loss of `distill.losses` must have a name, such as {{name: lsp}} (got {shown(entry)})")
    name = canonical_loss(entry["name"])
    return {"name": name, **resolve_loss(name, {key: value for key, value in entry.items() if key != "name"})}


register_section("distill", resolve_distill)
