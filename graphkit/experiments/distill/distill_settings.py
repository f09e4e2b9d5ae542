"""The configuration of a comparison of distilled students: what there is to set, and the runs that follow from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.config.schema import check_keys, merge, model_options, named, resolve
from graphkit.distill.loss_settings import resolve_loss
from graphkit.errors import InputError
from graphkit.experiments.run_folder import open_run
from graphkit.registry import canonical_loss, loss_names, unknown_name
from graphkit.settings import coerce, shown

_PARTS = {"teacher": ("run", "model", "train"), "student": ("model", "train")}
_TOP = (*_PARTS, "data", "losses", "seed", "seeds", "device", "recipe")
#: What holds keys and values, with an example.
_MAPPINGS = {
    "teacher": "{model: {name: gat}}",
    "teacher.model": "{name: gat}",
    "teacher.train": "{lr: 0.01}",
    "student": "{model: {name: gat}}",
    "student.model": "{name: gat}",
    "student.train": "{lr: 0.01}",
    "data": "{name: cora}",
    "losses": "{lsp: {weight: 10}}",
}
#: The names of the two runs that are there whatever the losses.
TEACHER, ALONE = "teacher", "alone"


def merge_distill(*layers: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns layers of settings combined, later ones first, at any depth.

    The settings of a model are not those of another: where a later layer names another one, the earlier are dropped.

    Args:
        layers: The settings.
        part: The part of a configuration that they are, for messages.

    Raises:
        InputError: If a part that holds keys and values is given as something else.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old, path = merged.get(key), f"{prefix}.{key}".lstrip(".")
            if path in _MAPPINGS and not isinstance(value, Mapping):
                example = f", such as '{path}: {_MAPPINGS[path]}'"
                raise InputError(f"`{path}` must hold keys and values{example} (got {shown(value)})")
            if prefix == "losses" and not isinstance(value, Mapping | None):
                raise InputError(f"`{path}` must hold keys and values, such as '{{weight: 10}}' (got {shown(value)})")
            if isinstance(value, Mapping):
                value = named(key, value)
                if key == "losses":
                    value = {canonical_loss(name): options for name, options in value.items()}
                names = [mapping.get("name") for mapping in (old, value) if isinstance(mapping, Mapping)]
                other = key == "model" and len({name for name in names if isinstance(name, str)}) > 1
                merged[key] = merge_distill(old if isinstance(old, Mapping) and not other else {}, value, prefix=path)
            else:
                merged[key] = value
    return merged


def chosen_losses(names: str) -> list[str]:
    """Returns the losses of a list such as ``"lsp,kd"``, or of ``"all"``.

    Raises:
        ValueError: If there is no such loss.
    """
    if names.strip() == "all":
        return loss_names()
    chosen = [canonical_loss(name.strip()) for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in loss_names():
            raise unknown_name("distillation loss", name, [*loss_names(), "all"])
    if not chosen:
        raise InputError(f"there must be a distillation loss, such as lsp (got {names!r})")
    return list(dict.fromkeys(chosen))


def resolve_experiment(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Combines layers of settings over the defaults, and checks every key and type.

    Args:
        layers: Nested mappings with the keys ``teacher`` (``run``, a run folder, or ``model`` and ``train`` of a
            teacher to train), ``student`` (``model`` and ``train``), ``data``, ``losses`` (a mapping of names to
            ``layers``, ``weight``, ``active_epochs`` and the options of the loss), ``seed``, ``seeds``, ``device``.

    Returns:
        A configuration that resolves to itself. The student's training settings are those of the teacher where nothing
        else is said, and its width half of the teacher's.

    Raises:
        ValueError: For an unknown name or key, with the closest known one, and for a value of a wrong type.
    """
    merged = merge_distill(*layers)
    for key in merged:
        if key not in _TOP:
            raise unknown_name("configuration key", key, _TOP)
    for section, keys in _PARTS.items():
        check_keys(section, merged.setdefault(section, {}), keys)
    common: dict[str, Any] = {key: merged[key] for key in ("seed", "seeds", "device") if key in merged}
    data = merged.get("data", {})
    run = coerce("teacher.run", merged["teacher"].get("run"), str | Path | None)
    if run is not None:
        folder = Path(run).expanduser().resolve()
        theirs = open_run(folder).config
        teacher: dict[str, Any] = {"run": str(folder)}
        common = {"seed": theirs["seed"], "seeds": theirs["seeds"], **common}
        if data.get("name", theirs["data"]["name"]) == theirs["data"]["name"]:
            data = {**theirs["data"], **data}
    else:
        theirs = resolve({"data": {"name": "cora"}, "model": {"name": "gat"}}, merge({"data": data}, merged["teacher"]))
        teacher = {"model": theirs["model"], "train": theirs["train"]}
        data = theirs["data"]
    student = {"model": _student(merged["student"].get("model", {}), theirs["model"])}
    student["train"] = {**theirs["train"], **merged["student"].get("train", {})}
    resolved = resolve(common, {"data": data, **student})
    losses = merged.get("losses") or {"lsp": {}}
    return {
        "teacher": teacher,
        "student": {"model": resolved["model"], "train": resolved["train"]},
        "data": resolved["data"],
        "losses": {name: resolve_loss(name, options or {}) for name, options in losses.items()},
        **{key: resolved[key] for key in ("seed", "seeds", "device")},
        "recipe": coerce("recipe", merged.get("recipe"), str | None),
    }


def experiment_runs(config: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the configurations of all runs by name, in order; a teacher that is there already is not among them."""
    common = {key: config[key] for key in ("data", "seed", "seeds", "device")}
    runs: dict[str, dict[str, Any]] = {}
    if "run" not in config["teacher"]:
        runs[TEACHER] = {**common, **config["teacher"]}
    runs[ALONE] = {**common, **config["student"]}
    teacher = config["teacher"].get("run") or str((folder / TEACHER).resolve())
    for name, options in config["losses"].items():
        section = {"teacher": teacher, "losses": [{"name": name, **options}]}
        runs[name] = {**common, **config["student"], "distill": section}
    return runs


def _student(given: Mapping[str, Any], teacher: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the model of the student: like the teacher where it is of the same kind, of half the width."""
    name = given.get("name", teacher["name"])
    model = {**(teacher if name == teacher["name"] else {}), **given, "name": name}
    for key in ("hidden_channels", "channels"):  # one width, or one for each stage
        width = teacher.get(key, model_options(teacher["name"]).get(key))
        if key in model_options(name) and key not in given and isinstance(width, int | list | tuple):
            model[key] = max(1, width // 2) if isinstance(width, int) else [max(1, channels // 2) for channels in width]
    return model
