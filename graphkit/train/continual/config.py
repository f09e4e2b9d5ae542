"""The configuration of a continual run: that of training, with a stream and strategies."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from graphkit.continual import TaskStream
from graphkit.errors import InputError
from graphkit.registry import get_strategy, strategy_names, unknown_name
from graphkit.train.config import coerce, resolve


@dataclass(frozen=True)
class LearnSettings:
    """How each task is learnt: the ``train`` part of a configuration.

    Args:
        epochs: Passes over the training data of each task, at most.
        batch_size: Graphs in a batch; a single graph is always one batch.
        optimizer: ``"adamw"``, ``"adam"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        weight_decay: Decoupled for ``"adamw"``. With ``"adam"`` it is coupled, and wears down what no task trains.
        keep_optimizer: Whether the optimiser's state goes on from task to task.
        select: Whether a task's epoch is chosen by its validation ``"score"`` (ties by the loss) or ``"loss"``, or is
            the ``"last"``.
        check: Epochs between two looks at the validation items.
        patience: Looks without a better result after which a task ends; ``None`` never.
        threads: CPU threads; ``None`` takes one for small work and all for large work.
    """

    epochs: int = 100
    batch_size: int = 128
    optimizer: str = "adamw"
    lr: float = 0.005
    weight_decay: float = 5e-4
    keep_optimizer: bool = False
    select: str = "score"
    check: int = 5
    patience: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, choices in (("optimizer", ("adam", "adamw", "sgd")), ("select", ("score", "loss", "last"))):
            if getattr(self, name) not in choices:
                raise InputError(f"`train.{name}` must be one of {', '.join(choices)} (got {getattr(self, name)!r})")
        for name in ("epochs", "batch_size", "check", "patience", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`train.{name}` must be at least 1 (got {value})")
        if not self.lr > 0:
            raise InputError(f"`train.lr` must be positive (got {self.lr})")
        if not self.weight_decay >= 0:
            raise InputError(f"`train.weight_decay` must not be negative (got {self.weight_decay})")


#: What a protocol sets; everything else is as it would be without.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "default": {},
    "published": {
        "stream": {"heads": "shared"},
        "train": {"optimizer": "adam", "weight_decay": 5e-4, "keep_optimizer": True, "select": "last"},
    },
}

_PARTS = ("model", "data", "stream", "train", "strategies")
#: Settings of a split, which a stream draws by itself.
_SPLIT = ("split", "split_seed", "labels_per_class", "fold")
_PLAIN = ("seed", "runs", "device", "recipe")
_TOP = (*_PARTS, *_PLAIN, "protocol", "search")
#: Settings without a default that are whole numbers where they are given.
_WHOLE = ("stream.tasks", "stream.seed", "train.patience", "train.threads", "samples")


def stream_options() -> dict[str, Any]:
    """Returns what a configuration can say of a stream, with the defaults."""
    options = {
        parameter.name: parameter.default
        for parameter in inspect.signature(TaskStream.__init__).parameters.values()
        if parameter.name not in ("self", "dataset", "time", "batch_size")
    }
    return {**options, "split": "0.6,0.2,0.2", "seed": None, "heads": None}


def strategy_options(name: str) -> dict[str, Any]:
    """Returns the arguments of a strategy, with their defaults.

    Raises:
        ValueError: If there is no such strategy; the closest name is offered.
    """
    parameters = inspect.signature(get_strategy(name)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}


def merge_continual(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns layers of settings combined, strategy by strategy too; what a later layer says counts.

    Raises:
        ValueError: If a part that holds keys and values is given as something else.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key not in _PARTS:
                merged[key] = value
                continue
            if not isinstance(value, Mapping):
                raise InputError(f"`{key}` must hold keys and values (got {value!r})")
            part = dict(merged.get(key, {}))
            for name, setting in value.items():
                if key == "strategies":
                    setting = {**part.get(name, {}), **_options_of(name, setting)}
                part[name] = setting
            merged[key] = part
    return merged


def _options_of(name: str, setting: Any) -> Mapping[str, Any]:
    if setting is not None and not isinstance(setting, Mapping):
        raise InputError(f"`strategies.{name}` must hold keys and values, such as '{{strength: 1}}' (got {setting!r})")
    return setting or {}


def resolve_continual(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Combines layers of settings, later ones first, over the defaults, and checks every key and type.

    Args:
        layers: Nested mappings with the keys ``model``, ``data``, ``seed``, ``runs`` and ``device`` as in
            :func:`~graphkit.train.resolve`; ``stream``, the arguments of :class:`~graphkit.continual.TaskStream` and
            ``heads`` (``"task"`` for an output layer for each task, ``"shared"`` for one); ``train``, see
            :class:`LearnSettings`; ``strategies``, from names to options; ``protocol``, one of :data:`PROTOCOLS`; and
            ``search``, whether the settings of each strategy's grid are tried first.

    Returns:
        A configuration of plain Python values, which can be written as YAML and resolves to itself.

    Raises:
        ValueError: For an unknown model, data set, strategy or key, and for a value of a wrong type.
    """
    given = merge_continual(*layers)
    for key in given:
        if key not in _TOP:
            raise unknown_name("configuration key", key, _TOP)
    protocol = given.get("protocol", "default")
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", str(protocol), PROTOCOLS)
    merged = merge_continual(PROTOCOLS[protocol], given)
    basis = {"model": {"name": "gat"}, "data": {"name": "cora"}}
    common = resolve(basis, {key: merged[key] for key in ("model", "data", *_PLAIN) if key in merged})
    stream = {**stream_options(), **_checked("stream", merged.get("stream", {}), stream_options())}
    heads = stream["heads"] or ("task" if stream["scenario"] == "task" else "shared")
    if heads not in ("task", "shared") or (heads == "task" and stream["scenario"] != "task"):
        raise InputError(
            "`stream.heads` must be 'task', in task-incremental streams, or 'shared' "
            f"(got {stream['heads']!r} with the scenario '{stream['scenario']}')"
        )
    if not isinstance(merged.get("search", False), bool):
        raise InputError(f"`search` must be true or false (got {merged['search']!r})")
    strategies = merged.get("strategies") or {"twp": {}}
    return {
        "protocol": protocol,
        "model": common["model"],
        "data": {key: value for key, value in common["data"].items() if key not in _SPLIT},
        "stream": {**stream, "heads": heads, "split": _split_text(stream["split"])},
        "train": asdict(LearnSettings(**_checked("train", merged.get("train", {}), asdict(LearnSettings())))),
        "strategies": {
            name: _checked(f"strategies.{name}", options, strategy_options(name))
            for name, options in strategies.items()
        },
        "search": merged.get("search", False),
        **{key: common[key] for key in _PLAIN},
    }


def chosen(names: str) -> list[str]:
    """Returns the strategies of ``"all"``, or of a list with commas.

    Raises:
        ValueError: If there is no such strategy.
    """
    if names == "all":
        return strategy_names()
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        get_strategy(name)
    return found


def _checked(part: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings in the types of their defaults; unknown ones are refused."""
    values = {}
    for key, value in given.items():
        name = f"{part}.{key}"
        if key not in known:
            raise unknown_name("configuration key", name, [f"{part}.{other}" for other in known])
        whole = name in _WHOLE or key in _WHOLE
        values[key] = coerce(name, value, 0 if whole and value is not None else known[key])
    return values


def _split_text(split: Any) -> str:
    """Returns shares as text, so that a configuration is plain."""
    return split if isinstance(split, str) else ",".join(str(share) for share in split)
