"""Configuration of continual learning: model, stream, training and strategies."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from graphkit.coercion import Range, coerce
from graphkit.config.layers import merge
from graphkit.continual import Strategy, TaskStream
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.nn.model_settings import ModelSettings
from graphkit.registry import canonical_strategy, get_strategy, strategy_names, unknown_name
from graphkit.settings import UNSET, Section, Setting, check_keys, check_sections, section_class, signature_settings
from graphkit.training.train_config import (
    Count,
    CountOrZero,
    Decay,
    LearningSettings,
    Rate,
    RunConfig,
    read_data,
    read_model,
)

C = TypeVar("C", bound="ContinualConfig")

#: Settings of the protocols that override the defaults.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "default": {},
    "published": {
        "stream": {"heads": "shared"},
        "train": {"optimizer": "adam", "weight_decay": 5e-4, "keep_optimizer": True, "select": "last"},
    },
}
#: Settings of the data that a stream does not use, with those to use instead.
_SPLIT = {
    "split": "stream.split",
    "split_seed": "stream.seed",
    "labels_per_class": "stream.split",
    "fold": "stream.seed",
}


@dataclass(frozen=True)
class TaskSettings(LearningSettings):
    """Section ``train`` of a continual run: training on each task.

    Args:
        batch_size: Graphs in a batch; a single graph is always one batch.
        keep_optimizer: If true, the state of the optimizer is kept between tasks.
        select: Selection of the epoch of a task: best validation ``"score"`` (ties by the loss), best validation
            ``"loss"``, or ``"last"`` epoch.
        check: Epochs between two validations.
    """

    epochs: Count = 100
    batch_size: Count = 128
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: Rate = 0.005
    weight_decay: Decay = 5e-4
    keep_optimizer: bool = False
    select: Literal["score", "loss", "last"] = "score"
    check: Count = 5


@dataclass(frozen=True)
class StreamSettings(Section):
    """Section ``stream``; :func:`stream_settings_class` adds its arguments.

    Args:
        heads: ``"task"`` for an output layer per task, ``"shared"`` for a single one.
    """

    section: ClassVar[str] = "stream"
    heads: Literal["task", "shared"] | None = None

    def make(self, dataset: GraphDataset, seed: int, batch_size: int) -> TaskStream:
        """Returns the stream; ``seed`` is its seed if none is set."""
        options = self.given("heads")
        options["seed"] = seed if options["seed"] is None else options["seed"]
        return TaskStream(dataset, **options, batch_size=batch_size)


@cache
def stream_settings_class() -> type[StreamSettings]:
    """Returns the settings class of a stream: its arguments as fields."""
    return section_class("TaskStreamSettings", StreamSettings, stream_options())


@cache
def stream_options() -> dict[str, Setting]:
    """Returns the arguments of a stream with their types and defaults."""
    options = signature_settings(TaskStream.__init__, ("dataset", "time", "batch_size"))
    split, seed = Setting(options["split"].hint, "0.6,0.2,0.2"), Setting(CountOrZero | None, None)
    return {**options, "split": split, "seed": seed}


@dataclass(frozen=True)
class StrategySettings(Section):
    """Settings of a strategy; :func:`strategy_settings_class` adds its arguments."""

    def make(self) -> Strategy:
        """Returns the strategy."""
        strategy: Strategy = get_strategy(self.section.rpartition(".")[2])(**self.given())
        return strategy

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.make()
        except InputError as error:
            raise InputError(f"`{self.section}`: {error}") from None


@cache
def strategy_settings_class(name: str) -> type[StrategySettings]:
    """Returns the settings class of a strategy: the arguments of its class as fields.

    Raises:
        InputError: If there is no such strategy; the message names the closest one.
    """
    cls = get_strategy(name)
    options = {
        option: Setting(_bounded(option, setting.hint), setting.default)
        for option, setting in signature_settings(cls.__init__).items()
    }
    return section_class(f"{cls.__name__}Settings", StrategySettings, options, f"strategies.{name}")


def _bounded(option: str, hint: Any) -> Any:
    """Returns the type hint of an argument of a strategy with its range."""
    if hint in (int, int | None):
        count = Annotated[int, Range(1 if option in ("samples", "memory") else 0, 10**9)]
        return count if hint is int else count | None
    if hint is float:
        return Annotated[float, Range(0, open_low=option == "temperature")]
    return hint


@dataclass(frozen=True)
class ContinualConfig(RunConfig):
    """Configuration of ``graphkit continual``: model, stream of tasks and strategies.

    Args:
        protocol: One of :data:`PROTOCOLS`.
        model: The model.
        stream: The stream of tasks.
        train: Training on each task.
        strategies: Settings of the strategies by name.
        search: If true, the settings of each strategy are first selected from its grid.
    """

    command: ClassVar[str] = "continual"
    protocol: str = "default"
    model: ModelSettings = ModelSettings()
    stream: StreamSettings = StreamSettings()
    train: TaskSettings = TaskSettings()
    strategies: Mapping[str, StrategySettings] = UNSET
    search: bool = False

    @classmethod
    def read(cls: type[C], given: Mapping[str, Any]) -> C:
        """Returns the configuration from a mapping.

        Args:
            given: The settings, see :func:`graphkit.config.layers.merge`.

        Raises:
            InputError: If a model, data set, strategy or key is unknown (the message names the closest one), or a
                value has a wrong type or is out of range.
        """
        check_sections(cls, given)
        protocol = coerce("protocol", given.get("protocol", "default"), str)
        if protocol not in PROTOCOLS:
            raise unknown_name("protocol", protocol, PROTOCOLS)
        given = merge(PROTOCOLS[protocol], given)
        for key, other in _SPLIT.items():
            if given.get("data", {}).get(key) is not None:
                raise InputError(f"`data.{key}` does nothing here: a stream draws its own split; see `{other}`")
        strategies = given.get("strategies") or {"twp": {}}
        sections = {
            "model": read_model(given.get("model", {}), "gat"),
            "data": read_data(given.get("data", {}), "cora"),
            "stream": _read_stream(given.get("stream", {})),
            "train": TaskSettings.read(given.get("train", {})),
            "strategies": {name: read_strategy(name, options or {}) for name, options in strategies.items()},
        }
        return cls(**{**given, "protocol": protocol, **sections})

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as plain Python values, without those of a split."""
        values = super().to_dict()
        return {**values, "data": {key: value for key, value in values["data"].items() if key not in _SPLIT}}


def _read_stream(given: Mapping[str, Any]) -> StreamSettings:
    """Returns the settings of the stream from a mapping."""
    check_keys("stream", given, ("heads", *stream_options()))
    defaults = {name: setting.default for name, setting in stream_options().items()}
    stream = stream_settings_class().read({**defaults, **given})
    values = stream.given()
    heads = stream.heads or ("task" if values["scenario"] == "task" else "shared")
    if heads == "task" and values["scenario"] != "task":
        raise InputError(
            "`stream.heads` must be 'task', in task-incremental streams, or 'shared' "
            f"(got {stream.heads!r} with the scenario '{values['scenario']}')"
        )
    split = values["split"] if isinstance(values["split"], str) else ",".join(map(str, values["split"]))
    return type(stream)(**{**values, "heads": heads, "split": split})


def read_strategy(name: str, options: Mapping[str, Any]) -> StrategySettings:
    """Returns the settings of one strategy.

    Raises:
        InputError: If the strategy or an option is unknown (the message names the closest one), or a value has a wrong
            type.
    """
    return strategy_settings_class(name).read(options)


def chosen_strategies(names: str) -> list[str]:
    """Returns the names of strategies in a list such as ``"twp,ewc"``, or ``"all"``.

    Raises:
        InputError: If there is no such strategy.
    """
    if names == "all":
        return strategy_names()
    strategies = [canonical_strategy(name.strip()) for name in names.split(",") if name.strip()]
    for name in strategies:
        get_strategy(name)
    if not strategies:
        raise InputError(f"there must be a strategy, such as twp (got {names!r})")
    return list(dict.fromkeys(strategies))
