"""The configuration of a continual run: that of training, with a stream and strategies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal

from graphkit.config.schema import (
    Count,
    CountOrZero,
    Decay,
    Rate,
    Threads,
    check_fields,
    check_keys,
    checked,
    named,
    resolve,
)
from graphkit.continual import TaskStream
from graphkit.errors import InputError
from graphkit.registry import canonical_strategy, get_strategy, strategy_names, unknown_name
from graphkit.settings import Range, Setting, coerce, shown, signature_settings


@dataclass(frozen=True)
class LearnSettings:
    """How each task is learned: the ``train`` part of a configuration.

    Args:
        epochs: Passes over the training data of each task, at most.
        batch_size: Graphs in a batch; a single graph is always one batch.
        optimizer: ``"adamw"``, ``"adam"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        weight_decay: Decoupled for ``"adamw"``. With ``"adam"`` it is coupled, and wears down what no task trains.
        keep_optimizer: Whether the optimizer's state goes on from task to task.
        select: Whether a task's epoch is chosen by its validation ``"score"`` (ties by the loss) or ``"loss"``, or is
            the ``"last"``.
        check: Epochs between two looks at the validation items.
        patience: Looks without a better result after which a task ends; ``None`` never.
        threads: CPU threads; ``None`` takes one for small work and all for large work.
    """

    epochs: Count = 100
    batch_size: Count = 128
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: Rate = 0.005
    weight_decay: Decay = 5e-4
    keep_optimizer: bool = False
    select: Literal["score", "loss", "last"] = "score"
    check: Count = 5
    patience: Count | None = None
    threads: Threads | None = None

    def __post_init__(self) -> None:
        check_fields(self, "train")


#: What a protocol sets; everything else is as it would be without.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "default": {},
    "published": {
        "stream": {"heads": "shared"},
        "train": {"optimizer": "adam", "weight_decay": 5e-4, "keep_optimizer": True, "select": "last"},
    },
}

_PARTS = ("model", "data", "stream", "train", "strategies")
#: Settings of a split, which a stream draws by itself, and what does its work.
_SPLIT = {
    "split": "stream.split", "split_seed": "stream.seed", "labels_per_class": "stream.split", "fold": "stream.seed"
}  # fmt: skip
_PLAIN = ("seed", "seeds", "device", "recipe")
_TOP = (*_PARTS, *_PLAIN, "protocol", "search")


def stream_settings() -> dict[str, Setting]:
    """Returns what a configuration can say of a stream, with types and defaults."""
    options = signature_settings(TaskStream.__init__, ("dataset", "time", "batch_size"))
    return {
        **options,
        "split": Setting(options["split"].hint, "0.6,0.2,0.2"),
        "seed": Setting(CountOrZero | None, None),
        "heads": Setting(Literal["task", "shared"] | None, None),
    }


def strategy_settings(name: str) -> dict[str, Setting]:
    """Returns the arguments of a strategy, with their types and defaults.

    Raises:
        ValueError: If there is no such strategy; the closest name is offered.
    """
    settings = signature_settings(get_strategy(name).__init__)
    return {option: Setting(_bounded(option, setting.hint), setting.default) for option, setting in settings.items()}


def _bounded(option: str, hint: Any) -> Any:
    """Returns the type hint of an option of a strategy with its range: strengths and counts are not negative."""
    if hint in (int, int | None):
        count = Annotated[int, Range(1 if option in ("samples", "memory") else 0, 10**9)]
        return count if hint is int else count | None
    if hint is float:
        return Annotated[float, Range(0, open_low=option == "temperature")]
    return hint


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
                raise InputError(f"`{key}` must hold keys and values (got {shown(value)})")
            section = dict(merged.get(key, {}))
            for name, setting in named(key, value).items():
                if key == "strategies":
                    name = canonical_strategy(name)
                    setting = {**section.get(name, {}), **_options_of(name, setting)}
                section[name] = setting
            merged[key] = section
    return merged


def _options_of(name: str, setting: Any) -> Mapping[str, Any]:
    if setting is not None and not isinstance(setting, Mapping):
        got = shown(setting)
        raise InputError(f"`strategies.{name}` must hold keys and values, such as '{{strength: 1}}' (got {got})")
    return setting or {}


def resolve_continual(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Combines layers of settings, later ones first, over the defaults, and checks every key and type.

    Args:
        layers: Nested mappings with the keys ``model``, ``data``, ``seed``, ``seeds`` and ``device`` as in
            :func:`~graphkit.experiments.resolve`; ``stream``, the arguments of :class:`~graphkit.continual.TaskStream`
            and ``heads`` (``"task"`` for an output layer for each task, ``"shared"`` for one); ``train``, see
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
    protocol = coerce("protocol", given.get("protocol", "default"), str)
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS)
    merged = merge_continual(PROTOCOLS[protocol], given)
    for key, other in _SPLIT.items():
        if merged.get("data", {}).get(key) is not None:
            raise InputError(f"`data.{key}` does nothing here: a stream draws its own split; see `{other}`")
    basis = {"model": {"name": "gat"}, "data": {"name": "cora"}}
    common = resolve(basis, {key: merged[key] for key in ("model", "data", *_PLAIN) if key in merged})
    settings = stream_settings()
    defaults = {key: setting.default for key, setting in settings.items()}
    stream = {**defaults, **checked("stream", merged.get("stream", {}), settings)}
    heads = stream["heads"] or ("task" if stream["scenario"] == "task" else "shared")
    if heads == "task" and stream["scenario"] != "task":
        raise InputError(
            "`stream.heads` must be 'task', in task-incremental streams, or 'shared' "
            f"(got {stream['heads']!r} with the scenario '{stream['scenario']}')"
        )
    train = merged.get("train", {})
    check_keys("train", train, [field.name for field in fields(LearnSettings)])
    strategies = merged.get("strategies") or {"twp": {}}
    return {
        "protocol": protocol,
        "model": common["model"],
        "data": {key: value for key, value in common["data"].items() if key not in _SPLIT},
        "stream": {**stream, "heads": heads, "split": _split_text(stream["split"])},
        "train": asdict(LearnSettings(**train)),
        "strategies": {name: resolve_strategy(name, options) for name, options in strategies.items()},
        "search": coerce("search", merged.get("search", False), bool),
        **{key: common[key] for key in _PLAIN},
    }


def resolve_strategy(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of one strategy, checked.

    Raises:
        ValueError: As :func:`resolve_continual`.
    """
    options = checked(f"strategies.{name}", options, strategy_settings(name))
    try:
        get_strategy(name)(**options)
    except InputError as error:
        raise InputError(f"`strategies.{name}`: {error}") from None
    return options


def chosen(names: str) -> list[str]:
    """Returns the strategies of ``"all"``, or of a list with commas.

    Raises:
        ValueError: If there is no such strategy.
    """
    if names == "all":
        return strategy_names()
    strategies = [canonical_strategy(name.strip()) for name in names.split(",") if name.strip()]
    for name in strategies:
        get_strategy(name)
    if not strategies:
        raise InputError(f"there must be a strategy, such as twp (got {names!r})")
    return list(dict.fromkeys(strategies))


def _split_text(split: Any) -> str:
    """Returns shares as text, so that a configuration is plain."""
    return split if isinstance(split, str) else ",".join(str(share) for share in split)
