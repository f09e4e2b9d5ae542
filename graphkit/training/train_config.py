"""Configuration of a run of ``graphkit train``: typed, frozen and validated once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from graphkit.data.data_settings import DataSettings, data_settings_class
from graphkit.errors import InputError
from graphkit.nn.model_settings import ModelSettings, model_settings_class
from graphkit.sampling.node_loader import check_neighbors
from graphkit.settings import Range, Section, check_sections, coerce

C = TypeVar("C", bound="RunConfig")

#: Largest number of seeds of one run folder.
MAX_SEEDS = 10_000
#: Largest number of processes that make batches.
MAX_PROCESSES = 256

Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
Threads = Annotated[int, Range(1, 1024)]
Rate = Annotated[float, Range(0, 1e6, open_low=True)]
Decay = Annotated[float, Range(0, 1e6)]
Share = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class LearningSettings(Section):
    """Section ``train`` of every configuration: optimizer, learning rate, selection of the epoch.

    Args:
        epochs: Largest number of passes over the training data; in each phase, for a model that trains in phases, and
            for each task of a stream.
        optimizer: ``"adam"``, ``"adamw"`` or ``"sgd"``.
        lr: Learning rate.
        weight_decay: L2 penalty on all parameters (decoupled for ``"adamw"``).
        decay_all: Whether weight decay acts on all parameters, or on the weights of products only: not on norms, biases
            and additions to a graph.
        momentum: Of ``"sgd"``.
        nesterov: Whether the momentum is Nesterov's.
        warmup: Epochs in which the learning rate rises evenly to its value, before the schedule begins.
        schedule: ``"none"``, ``"step"``, ``"cosine"`` (to zero at the last epoch) or ``"plateau"`` (of the validation
            loss).
        schedule_step: Epochs between two steps.
        schedule_factor: Factor of the learning rate at a step or a plateau.
        schedule_patience: Epochs without a better validation loss that make a plateau.
        min_lr: Lower limit of the learning rate at plateaus.
        patience: Validations without a better result after which training (each phase of it) ends; ``None`` never.
        min_epochs: Validations, of each phase, before which ``patience`` does not end it.
        clip: Largest norm of the gradient; ``None`` for no limit.
        threads: CPU threads; ``None`` takes one for small work and all for large work.
    """

    section: ClassVar[str] = "train"
    epochs: Count = 200
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
    clip: Annotated[float, Range(0, open_low=True)] | None = None
    threads: Threads | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise InputError("`train.nesterov` needs a momentum (got 0); set `train.momentum`, such as 0.9")
        if self.warmup >= self.epochs:
            raise InputError(f"`train.warmup` must be below `train.epochs`, {self.epochs} (got {self.warmup})")


@dataclass(frozen=True)
class TrainSettings(LearningSettings):
    """Section ``train`` of the configuration of a run.

    Args:
        batch_size: Graphs in a batch, by default 64. Of a single graph, nodes in a batch: by default it is one batch,
            or, if it has two million nodes and edges or more, batches have 1024 nodes. For models that need the graph
            as a whole (dgcnn) it is always one batch.
        num_neighbors: Edges into each node that are drawn in training where a single graph is trained in batches of
            nodes: one number, or one for each layer, from the last one back; -1 for all, as by default. Validation and
            test use all edges.
        select: Whether the epoch is chosen by the validation ``"score"`` (ties by the loss) or ``"loss"``.
        label_smoothing: Share of every target that is spread over all classes, while training.
        accumulate: Batches whose gradients are averaged before a step.
        precision: ``"float32"``, or ``"bfloat16"`` or ``"float16"`` (on a GPU) for mixed precision.
        augment: Random changes of clips, see :mod:`graphkit.skeleton.augment`.
        workers: Processes that prepare batches of clips, or of nodes, ahead of time.
        sync_batchnorm: Whether, of several processes, batch norms take the statistics of the whole batch, as one
            process does. Otherwise each takes those of its slice of the batch, which saves most of the messages.
    """

    batch_size: Count | None = None
    num_neighbors: Sequence[int] = ()
    select: Literal["score", "loss"] = "score"
    label_smoothing: Share = 0.0
    accumulate: Count = 1
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    augment: Sequence[Any] = ()
    workers: Annotated[int, Range(0, MAX_PROCESSES)] = 0
    sync_batchnorm: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_neighbors(self.num_neighbors, "train.num_neighbors")


@dataclass(frozen=True)
class RunConfig(Section):
    """Configuration that every command that trains has.

    Args:
        data: The data set.
        seed: The first seed.
        seeds: How many seeds.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        recipe: Name of the recipe that the settings started from; ``None`` without one.
    """

    #: The command that the configuration is for.
    command: ClassVar[str] = ""
    #: Settings in which a continued run may differ from its checkpoint: they do not change its numbers.
    free_settings: ClassVar[tuple[str, ...]] = ("device", "recipe", "data.root", "train.threads", "train.workers")
    data: DataSettings = DataSettings()
    seed: int = 0
    seeds: Annotated[int, Range(1, MAX_SEEDS)] = 1
    device: str = "auto"
    recipe: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as plain Python values: sections first, then single values."""
        values = super().to_dict()
        return dict(sorted(values.items(), key=lambda item: not isinstance(item[1], dict)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.seed < 2**32 - self.seeds:
            raise InputError(f"`seed` must not be negative and below 2**32 (got {self.seed})")


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Configuration of ``graphkit train``: a model, a data set and how the model is trained.

    Args:
        model: The model.
        train: How it is trained.
    """

    command: ClassVar[str] = "train"
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()

    @classmethod
    def read(cls: type[C], given: Mapping[str, Any]) -> C:
        """Returns the configuration that a mapping describes, see :func:`graphkit.config.layers.merge`.

        Raises:
            InputError: For an unknown model, data set or key, with the closest known one, and for a value of a wrong
                type or out of range.
        """
        check_sections(cls, given)
        sections = {
            "model": read_model(given.get("model", {})),
            "data": read_data(given.get("data", {})),
            "train": TrainSettings.read(given.get("train", {})),
        }
        return cls(**{**given, **sections})


def read_model(given: Mapping[str, Any], default: str = ModelSettings.name) -> ModelSettings:
    """Returns the settings of the model that a section names."""
    name = coerce("model.name", given.get("name", default), str)
    return model_settings_class(name).read({**given, "name": name})


def read_data(given: Mapping[str, Any], default: str = DataSettings.name) -> DataSettings:
    """Returns the settings of the data set that a section names."""
    name = given.get("name", default)
    name = coerce("data.name", str(name) if type(name) is int else name, str)
    return data_settings_class(name).read({**given, "name": name})
