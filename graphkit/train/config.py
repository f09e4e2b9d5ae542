"""The configuration of a run: what there is to set, how layers of settings combine, and what is refused."""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from graphkit import data
from graphkit.errors import InputError
from graphkit.loader.node_loader import check_neighbors
from graphkit.registry import get_model, unknown_name

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
        shared_norms: Whether, of several processes, batch norms take the statistics of the whole batch, as one process
            does. Otherwise each takes those of its own part, which saves most of the messages.
    """

    epochs: int = 200
    batch_size: int | None = None
    num_neighbors: Sequence[int] = ()
    optimizer: str = "adam"
    lr: float = 0.01
    weight_decay: float = 0.0
    decay_all: bool = True
    momentum: float = 0.9
    nesterov: bool = False
    warmup: int = 0
    schedule: str = "none"
    schedule_step: int = 100
    schedule_factor: float = 0.5
    schedule_patience: int = 50
    min_lr: float = 1e-5
    patience: int | None = None
    min_epochs: int = 0
    select: str = "score"
    clip: float | None = None
    label_smoothing: float = 0.0
    accumulate: int = 1
    precision: str = "float32"
    augment: Sequence[Any] = ()
    workers: int = 0
    threads: int | None = None
    shared_norms: bool = True

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimizer", ("adam", "adamw", "sgd")),
            ("schedule", ("none", "step", "cosine", "plateau")),
            ("select", ("score", "loss")),
            ("precision", ("float32", "bfloat16", "float16")),
        ):
            if getattr(self, name) not in choices:
                raise InputError(f"`train.{name}` must be one of {', '.join(choices)} (got {getattr(self, name)!r})")
        for name in ("epochs", "batch_size", "schedule_step", "schedule_patience", "threads", "patience", "accumulate"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`train.{name}` must be at least 1 (got {value})")
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"`train.{name}` must be positive (got {value})")
        for name in ("weight_decay", "min_lr", "warmup", "workers", "min_epochs"):
            if not getattr(self, name) >= 0:
                raise InputError(f"`train.{name}` must not be negative (got {getattr(self, name)})")
        for name in ("momentum", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"`train.{name}` must lie in [0, 1) (got {getattr(self, name)})")
        check_neighbors(self.num_neighbors, "train.num_neighbors")
        if self.nesterov and not self.momentum:
            raise InputError("`train.nesterov` needs a momentum (got 0); set `train.momentum`, such as 0.9")
        if self.warmup >= self.epochs:
            raise InputError(f"`train.warmup` must be below `train.epochs`, {self.epochs} (got {self.warmup})")
        if not 0 < self.schedule_factor < 1:
            raise InputError(f"`train.schedule_factor` must lie between 0 and 1 (got {self.schedule_factor})")


#: The common part of ``data``; what a data set itself can be told comes beside it.
_DATA = {
    "name": "factor-graphs", "root": None, "transforms": (), "split": None, "split_seed": 0, "labels_per_class": None,
    "fold": None,
}
_EXAMPLES = {
    "model": "{name: gcn}", "data": "{name: cora}", "train": "{lr: 0.01}", "distill": "{teacher: runs/gat-cora-001}"
}  # fmt: skip
_TOP = {"model": {}, "data": {}, "train": {}, "distill": {}, "seed": 0, "runs": 1, "device": "auto", "recipe": None}


def resolve(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Combines layers of settings, later ones first, over the defaults, and checks every key and type.

    Args:
        layers: Nested mappings with the keys ``model`` (``name`` and the arguments of its class), ``data`` (``name``,
            ``root``, ``transforms``, ``split``, ``split_seed``, ``labels_per_class``, ``fold`` and the options of the
            data set), ``train`` (see :class:`TrainSettings`), ``seed``, ``runs`` and ``device``; and for a student
            ``distill`` (``teacher``, a run folder, and ``losses``, a list of mappings with ``name``, ``layers``,
            ``weight``, ``active_epochs`` and the options of the loss).

    Returns:
        A configuration of plain Python values, which can be written as YAML and resolves to itself. Arguments of the
        model and options of the data set that were not given are left to their own defaults.

    Raises:
        ValueError: For an unknown model, data set or key, with the closest known one, and for a value of a wrong type.
    """
    merged = merge(*layers)
    for key in merged:
        if key not in _TOP:
            raise unknown_name("configuration key", key, _TOP)
    model = {"name": "factorgcn", **merged.get("model", {})}
    dataset = {**_DATA, **merged.get("data", {})}
    config = {
        "model": {"name": model["name"], **_checked("model", model, model_options(model["name"]))},
        "data": _checked("data", dataset, {**_DATA, **data.options(str(dataset["name"]))}),
        "train": asdict(TrainSettings(**_checked("train", merged.get("train", {}), asdict(TrainSettings())))),
        **{key: coerce(key, merged.get(key, _TOP[key]), _TOP[key]) for key in ("seed", "runs", "device", "recipe")},
    }
    if merged.get("distill"):
        from graphkit.train.teaching_config import resolve_distill  # which needs this module

        config["distill"] = resolve_distill(merged["distill"])
    if config["runs"] < 1:
        raise InputError(f"`runs` must be at least 1 (got {config['runs']})")
    if not 0 <= config["seed"] < 2**32 - config["runs"]:
        raise InputError(f"`seed` must not be negative and below 2**32 (got {config['seed']})")
    return _plain(config)


def model_options(name: str) -> dict[str, Any]:
    """Returns the arguments of a model that a configuration can set, with their defaults.

    Raises:
        ValueError: If there is no such model; the closest name is offered.
    """
    options: dict[str, Any] = {}
    for cls in reversed(get_model(name).__mro__):
        if "__init__" in vars(cls) and cls.__module__.startswith("graphkit."):
            for argument in inspect.signature(cls.__init__).parameters.values():
                if argument.name not in _GIVEN:
                    options[argument.name] = argument.default
    return options


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads a configuration file.

    Raises:
        ValueError: If the file is no YAML mapping.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise InputError(f"'{path}' is not a YAML file ({line})") from None
    if not isinstance(content, dict):
        raise InputError(f"'{path}' must hold keys and values, such as 'train: {{lr: 0.01}}' (got {content!r})")
    return content


def parse_setting(text: str) -> dict[str, Any]:
    """Turns ``"train.lr=0.01"`` into ``{"train": {"lr": 0.01}}``; the value is read as YAML."""
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise InputError(f"a setting must read key=value, such as train.lr=0.01 (got '{text}')")
    try:
        setting: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        setting = value
    for key in reversed(path.strip().split(".")):
        setting = {key: setting}
    return setting


#: Settings that are whole numbers where they are given at all.
_WHOLE = (
    "train.batch_size", "train.patience", "train.threads", "data.fold", "data.labels_per_class", "data.seed"
)  # fmt: skip


def coerce(name: str, value: Any, default: Any) -> Any:
    """Returns the value in the type of its default, or refuses it."""
    if name in _WHOLE and value is not None:
        return _number(name, value, whole=True)
    if name == "train.clip" and value is not None:
        return _number(name, value)
    if default is None or default is inspect.Parameter.empty:
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"`{name}` must be true or false (got {value!r})")
    elif isinstance(default, int | float):
        return _number(name, value, whole=isinstance(default, int))
    elif isinstance(default, tuple | list):
        if isinstance(value, str):  # "4, 1" as people write lists
            return [yaml.safe_load(item) for item in value.split(",")]
        if isinstance(value, int | float | Mapping):
            return [value]
        if value is None:
            raise InputError(f"`{name}` must be a list (got nothing)")
    elif isinstance(default, str) and not isinstance(value, str):
        raise InputError(f"`{name}` must be text (got {value!r})")
    return value


def _number(name: str, value: Any, whole: bool = False) -> int | float:
    """Returns a finite number; text such as ``1e-3``, which YAML takes for text, is read as the number it means."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or (whole and number != int(number)):
        raise InputError(f"`{name}` must be a {'whole ' if whole else ''}number (got {value!r})")
    return int(number) if whole else number


def _checked(part: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given settings in the types of the known ones; unknown keys are refused."""
    for key in given:
        if key not in known and key != "name":
            raise unknown_name("configuration key", f"{part}.{key}", [f"{part}.{name}" for name in known])
    return {key: coerce(f"{part}.{key}", value, known.get(key)) for key, value in given.items()}


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the layers combined part by part; what a later layer says takes the place of what an earlier one said.

    Raises:
        ValueError: If a part that holds keys and values is given as something else.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(_TOP.get(key), dict) and not isinstance(value, Mapping):
                example = f"{key}: {_EXAMPLES[key]}"
                raise InputError(f"`{key}` must hold keys and values, such as '{example}' (got {value!r})")
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, Mapping) else value
    return merged


def _plain(value: Any, name: str = "") -> Any:
    """Returns the value with tuples as lists, so that it is the same before and after it is written as YAML."""
    if isinstance(value, Mapping):
        return {key: _plain(item, f"{name}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, name) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputError(f"`{name}` must be text, a number, a list or keys and values (got {value!r})")


def settings(config: Mapping[str, Any]) -> TrainSettings:
    """Returns the ``train`` part of a resolved configuration."""
    return TrainSettings(**{field.name: config["train"][field.name] for field in fields(TrainSettings)})
