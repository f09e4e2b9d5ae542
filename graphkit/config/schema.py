"""The configuration of a run: what there is to set, how layers of settings combine, and what is refused."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import reduce
from operator import or_
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from graphkit import data
from graphkit.errors import InputError, InputTypeError
from graphkit.registry import canonical_dataset, canonical_model, get_model, unknown_name
from graphkit.sampling.node_loader import check_neighbors
from graphkit.settings import (
    MAX_DEPTH,
    MAX_TEXT,
    Range,
    Setting,
    coerce,
    hints_of,
    parse_yaml,
    shown,
    signature_settings,
)

#: Largest number of seeds of one run folder.
MAX_SEEDS = 10_000
#: Largest width and depth of a model.
WIDEST, DEEPEST = 100_000, 1000
#: Options of models that say how often something is done.
_DEPTHS = ("num_layers", "path_layers", "iterations", "max_hops", "blocks")
#: Largest number of processes that make batches.
MAX_PROCESSES = 256

Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
Threads = Annotated[int, Range(1, 1024)]
Rate = Annotated[float, Range(0, 1e6, open_low=True)]
Decay = Annotated[float, Range(0, 1e6)]
Share = Annotated[float, Range(0, 1, open_high=True)]

#: Arguments of a model that its data set or the loop decides.
_GIVEN = ("self", "in_channels", "out_channels", "num_categories", "num_classes", "layout", "num_persons", "options")


@dataclass(frozen=True)
class TrainSettings:
    """How a model is trained: the ``train`` part of a configuration.

    Args:
        epochs: Largest number of passes over the training data; in each phase, for a model that trains in phases.
        batch_size: Graphs in a batch, by default 64. Of a single graph, nodes in a batch: by default it is one batch,
            or, if it has two million nodes and edges or more, batches have 1024 nodes. For models that need the graph
            as a whole (dgcnn) it is always one batch.
        num_neighbors: Where a single graph is gone through in batches of nodes, how many edges into each node are drawn
            in training: one number, or one for each layer, from the last one back; -1 for all, as by default.
            Validation and test look at all.
        optimizer: ``"adam"``, ``"adamw"`` or ``"sgd"``.
        lr: Learning rate.
        weight_decay: L2 penalty on all parameters (decoupled for ``"adamw"``).
        decay_all: Whether weight decay acts on all parameters, or on the weights of products only: not on norms, biases
            and additions to a graph.
        momentum: Of ``"sgd"``.
        nesterov: Whether that momentum looks ahead.
        warmup: Epochs in which the learning rate rises evenly to its value, before the schedule begins.
        schedule: ``"none"``, ``"step"``, ``"cosine"`` (to zero at the last epoch) or ``"plateau"`` (of the validation
            loss).
        schedule_step: Epochs between two steps.
        schedule_factor: What a step or a plateau multiplies the learning rate by.
        schedule_patience: Epochs without a better validation loss that make a plateau.
        min_lr: The learning rate that a plateau does not go below.
        patience: Epochs without a better validation result after which training (each phase of it) ends; ``None``
            never.
        min_epochs: Epochs, of each phase, before which ``patience`` does not end it.
        select: Whether the epoch is chosen by the validation ``"score"`` (ties by the loss) or ``"loss"``.
        clip: Largest norm of the gradient; ``None`` for no limit.
        label_smoothing: Share of every target that is spread over all classes, while training.
        accumulate: Batches whose gradients are added up before a step.
        precision: ``"float32"``, or ``"bfloat16"`` or ``"float16"`` (on a GPU) for mixed precision.
        augment: What changes clips at random, see :mod:`graphkit.skeleton.augment`.
        workers: Processes that make batches of clips, or of nodes, ahead of time.
        threads: CPU threads; ``None`` takes one for small work and all for large work.
        sync_batchnorm: Whether, of several processes, batch norms take the statistics of the whole batch, as one
            process does. Otherwise each takes those of its own part, which saves most of the messages.
    """

    epochs: Count = 200
    batch_size: Count | None = None
    num_neighbors: Sequence[int] = ()
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: Rate = 0.01
    weight_decay: Decay = 0.0
    decay_all: bool = True
    momentum: Share = 0.9
    nesterov: bool = False
    warmup: CountOrZero = 0
    schedule: Literal["none", "step", "cosine", "plateau"] = "none"
    schedule_step: Count = 100
    schedule_factor: Annotated[float, Range(0, 1, open_low=True, open_high=True)] = 0.5
    schedule_patience: Count = 50
    min_lr: Decay = 1e-5
    patience: Count | None = None
    min_epochs: CountOrZero = 0
    select: Literal["score", "loss"] = "score"
    clip: Annotated[float, Range(0, open_low=True)] | None = None
    label_smoothing: Share = 0.0
    accumulate: Count = 1
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    augment: Sequence[Any] = ()
    workers: Annotated[int, Range(0, MAX_PROCESSES)] = 0
    threads: Threads | None = None
    sync_batchnorm: bool = True

    def __post_init__(self) -> None:
        check_fields(self, "train")
        check_neighbors(self.num_neighbors, "train.num_neighbors")
        if self.nesterov and not self.momentum:
            raise InputError("`train.nesterov` needs a momentum (got 0); set `train.momentum`, such as 0.9")
        if self.warmup >= self.epochs:
            raise InputError(f"`train.warmup` must be below `train.epochs`, {self.epochs} (got {self.warmup})")


def check_fields(settings: Any, section: str) -> None:
    """Brings the fields of a data class of settings to the types of their hints.

    Args:
        settings: The instance, which may be frozen.
        part: The part of a configuration that it is, for messages.

    Raises:
        InputError: If a value is of a wrong type, out of range or not among the choices.
    """
    hints = hints_of(type(settings))
    for field in fields(settings):
        value = coerce(f"{section}.{field.name}", getattr(settings, field.name), hints[field.name])
        object.__setattr__(settings, field.name, value)


#: The common part of ``data``; what a data set itself can be told comes beside it.
_DATA = {
    "name": Setting(str, "factor-graphs"),
    "root": Setting(str | Path | None, None),
    "transforms": Setting(Sequence[Any], ()),
    "split": Setting(str | Sequence[float] | None, None),
    "split_seed": Setting(Annotated[int, Range(0)], 0),
    "labels_per_class": Setting(Count | None, None),
    "fold": Setting(CountOrZero | None, None),
}
_EXAMPLES = {
    "model": "{name: gcn}", "data": "{name: cora}", "train": "{lr: 0.01}", "distill": "{teacher: runs/gat-cora-001}"
}  # fmt: skip
#: What is set beside the parts.
_PLAIN = {
    "seed": Setting(int, 0),
    "seeds": Setting(Annotated[int, Range(1, MAX_SEEDS)], 1),
    "device": Setting(str, "auto"),
    "recipe": Setting(str | None, None),
}
_TOP = (*_EXAMPLES, *_PLAIN)


#: Sections that method families add to a configuration: the key, and the function that checks the section.
_SECTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {}


def register_section(name: str, resolve_section: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Adds a section to every configuration.

    Args:
        name: The key of the section.
        resolve_section: Returns the section with every key and type checked.
    """
    _SECTIONS[name] = resolve_section


def resolve(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Combines layers of settings, later ones first, over the defaults, and checks every key, type and range.

    Args:
        layers: Nested mappings with the keys ``model`` (``name`` and the arguments of its class), ``data`` (``name``,
            ``root``, ``transforms``, ``split``, ``split_seed``, ``labels_per_class``, ``fold`` and the options of the
            data set), ``train`` (see :class:`TrainSettings`), ``seed``, ``seeds`` and ``device``; and for a student
            ``distill`` (``teacher``, a run folder, and ``losses``, a list of mappings with ``name``, ``layers``,
            ``weight``, ``active_epochs`` and the options of the loss).

    Returns:
        A configuration of plain Python values, which can be written as YAML and resolves to itself. Arguments of the
        model and options of the data set that were not given are left to their own defaults.

    Raises:
        ValueError: For an unknown model, data set or key, with the closest known one, and for a value of a wrong type
            or out of range.
    """
    merged = merge(*layers)
    for key in merged:
        if key not in _TOP:
            raise unknown_name("configuration key", key, _TOP)
    model = {"name": "factorgcn", **merged.get("model", {})}
    dataset = {**{name: setting.default for name, setting in _DATA.items()}, **merged.get("data", {})}
    name = coerce("model.name", model["name"], str)
    source = coerce("data.name", _text(dataset["name"]), str)
    train = merged.get("train", {})
    check_keys("train", train, [field.name for field in fields(TrainSettings)])
    config = {
        "model": {"name": name, **checked("model", model, {"name": Setting(str), **model_settings(name)})},
        "data": checked("data", dataset, {**_DATA, **data.option_settings(source)}),
        "train": asdict(TrainSettings(**train)),
        **plain_settings(merged),
    }
    for section, resolve_section in _SECTIONS.items():
        if merged.get(section):
            config[section] = resolve_section(merged[section])
    return _plain(config)


def check_command(config: Mapping[str, Any], folder: str | Path, command: str) -> None:
    """Refuses to go on with the run of another command.

    Args:
        config: The settings in the run folder.
        folder: The run folder.
        command: The command that is to go on: ``train``, ``distill`` or ``continual``.

    Raises:
        InputError: If the run is one of another command.
    """
    name = command_of(config)
    if name != command:
        raise InputError(f"'{folder}' is a run of graphkit {name}; continue it with: graphkit {name} --resume {folder}")


def command_of(config: Mapping[str, Any]) -> str:
    """Returns the command that settings are for, by the part that only these have."""
    return "continual" if "stream" in config else "distill" if "student" in config else "train"


def plain_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the seed, the number of seeds, the device and the recipe, checked."""
    values = {key: coerce(key, given.get(key, setting.default), setting.hint) for key, setting in _PLAIN.items()}
    if not 0 <= values["seed"] < 2**32 - values["seeds"]:
        raise InputError(f"`seed` must not be negative and below 2**32 (got {values['seed']})")
    return values


def model_settings(name: str) -> dict[str, Setting]:
    """Returns the arguments of a model that a configuration can set, with their types and defaults.

    Raises:
        ValueError: If there is no such model; the closest name is offered.
    """
    settings: dict[str, Setting] = {}
    for cls in reversed(get_model(name).__mro__):
        if "__init__" in vars(cls) and cls.__module__.startswith("graphkit."):
            settings |= signature_settings(cls.__init__, _GIVEN)
    return {option: Setting(_bounded(option, setting.hint), setting.default) for option, setting in settings.items()}


def _bounded(option: str, hint: Any) -> Any:
    """Returns the type hint of an option of a model with the range that its whole numbers have at most."""
    if hint is int:
        return Annotated[int, Range(0, DEEPEST if option in _DEPTHS else WIDEST)]
    args = get_args(hint)
    if not args or get_origin(hint) is Annotated:
        return hint
    inner = tuple(_bounded(option, arg) for arg in args)
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, inner)
    return get_origin(hint)[inner]


def model_options(name: str) -> dict[str, Any]:
    """Returns the arguments of a model that a configuration can set, with their defaults.

    Raises:
        ValueError: If there is no such model; the closest name is offered.
    """
    return {option: setting.default for option, setting in model_settings(name).items()}


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a configuration file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no YAML mapping, or is too large; see :func:`graphkit.settings.parse_yaml`.
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
    for key in reversed(keys):
        setting = {key: setting}
    return setting


def check_keys(section: str, given: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuses settings that a part does not have.

    Raises:
        InputError: If there is one; the closest known one is offered.
    """
    for key in given:
        if key not in allowed:
            raise unknown_name("configuration key", f"{section}.{key}", [f"{section}.{name}" for name in allowed])


def checked(section: str, given: Mapping[str, Any], allowed: Mapping[str, Setting]) -> dict[str, Any]:
    """Returns the settings of a part in their types.

    Raises:
        InputError: If a key is unknown, or a value is of a wrong type.
    """
    check_keys(section, given, allowed)
    values = {}
    for key, value in given.items():
        hint = allowed[key].hint
        values[key] = coerce(f"{section}.{key}", _text(value) if section == "data" and hint is str else value, hint)
    return values


def _text(value: Any) -> Any:
    """Returns the digits of a whole number, as the name of a column or of a folder may be one."""
    return str(value) if type(value) is int else value


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the layers combined part by part; what a later layer says takes the place of what an earlier one said.

    Raises:
        ValueError: If a part that holds keys and values is given as something else.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key in _EXAMPLES and not isinstance(value, Mapping):
                example = f"{key}: {_EXAMPLES[key]}"
                raise InputError(f"`{key}` must hold keys and values, such as '{example}' (got {shown(value)})")
            old = merged.get(key, {}) if isinstance(merged.get(key, {}), Mapping) else {}
            merged[key] = {**old, **named(key, value)} if isinstance(value, Mapping) else value
    return merged


def named(section: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the part ``model`` or ``data`` with its name as it is registered, whatever its case, ``-`` and ``_``."""
    name = settings.get("name")
    if not isinstance(name, str):
        return settings
    if section == "model":
        return {**settings, "name": canonical_model(name)}
    if section == "data" and not data.is_path(name):
        return {**settings, "name": canonical_dataset(name)}
    return settings


def _plain(value: Any, name: str = "", depth: int = 0) -> Any:
    """Returns the value with tuples as lists, so that it is the same before and after it is written as YAML."""
    if depth > MAX_DEPTH:
        raise InputError(f"`{name}` must be nested at most {MAX_DEPTH} levels deep (got more)")
    if isinstance(value, Mapping):
        return {key: _plain(item, f"{name}.{key}".lstrip("."), depth + 1) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, name, depth + 1) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputTypeError(f"`{name}` must be text, a number, a list or keys and values (got {shown(value)})")


def settings(config: Mapping[str, Any]) -> TrainSettings:
    """Returns the ``train`` part of a resolved configuration."""
    return TrainSettings(**{field.name: config["train"][field.name] for field in fields(TrainSettings)})
