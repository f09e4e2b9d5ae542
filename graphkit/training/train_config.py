"""Configuration of ``graphkit train``, typed, frozen and validated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from graphkit.coercion import Range, coerce
from graphkit.data.data_settings import DataSettings, data_settings_class
from graphkit.data.loading import LINKS
from graphkit.errors import InputError
from graphkit.nn.model_settings import ModelSettings, model_settings_class
from graphkit.sampling.node_loader import check_neighbors
from graphkit.settings import Section, check_sections

C = TypeVar("C", bound="RunConfig")

#: Maximum number of seeds of a run folder.
MAX_SEEDS = 10_000
#: Maximum number of processes that prepare batches.
MAX_PROCESSES = 256

Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
Threads = Annotated[int, Range(1, 1024)]
Rate = Annotated[float, Range(0, 1e6, open_low=True)]
Decay = Annotated[float, Range(0, 1e6)]
Share = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class LearningSettings(Section):
    """Settings of optimizer, learning rate and early stopping of all commands.

    Args:
        epochs: Maximum number of epochs, per phase for a model that trains in phases, and per task of a stream.
        optimizer: ``"adam"``, ``"adamw"`` or ``"sgd"``.
        lr: Learning rate.
        weight_decay: L2 penalty on all parameters (decoupled for ``"adamw"``).
        decay_all: If true, weight decay applies to all parameters, else to weight matrices only, not to norms, biases
            and learned edges.
        momentum: Momentum of ``"sgd"``.
        nesterov: If true, Nesterov momentum.
        warmup: Epochs of a linear increase of the learning rate before the schedule.
        schedule: ``"none"``, ``"step"``, ``"cosine"`` (to zero at the last epoch) or ``"plateau"`` (of the validation
            loss).
        schedule_step: Epochs between two steps.
        schedule_factor: Factor of the learning rate at a step or a plateau.
        schedule_patience: Epochs without a better validation loss before a plateau.
        min_lr: Minimum of the learning rate at plateaus.
        patience: Validations without improvement after which training, or its phase, ends; ``None`` for no early
            stopping.
        min_epochs: Minimum number of validations, per phase, before early stopping.
        clip: Maximum norm of the gradient; ``None`` for no limit.
        threads: CPU threads; ``None`` for one with small batches and all with large ones.
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
    """Section ``train`` of the configuration of ``graphkit train``.

    Args:
        batch_size: Graphs in a batch; ``None`` for 64. For a single graph, nodes in a batch; ``None`` for the whole
            graph, or for 1024 nodes if it has two million nodes and edges or more. For models that need the whole graph
            (dgcnn), it is always one batch.
        num_neighbors: Sampled in-edges per node in training with batches of nodes: one number, or one per layer from
            the last to the first; -1 for all. Validation and test use all edges.
        select: Selection of the epoch: best validation ``"score"`` (ties by the loss) or ``"loss"``.
        metric: Metric of the scores and of the selection; ``None`` for that of the data set. For regression (``"mae"``,
            ``"rmse"`` or ``"r2"``), it determines the loss.
        standardize: If true, the targets of a regression are standardized per target by mean and deviation of the
            training items. Predictions and scores are in units of the data either way.
        label_smoothing: Fraction of every target that is distributed over all classes, in training.
        class_weight: Weights of the classes in the training loss: ``"balanced"`` (inverse to their numbers of training
            items), a list with one number per class, or class names with numbers; ``None`` for equal weights. They
            are scaled to a mean of one over the training items.
        accumulate: Number of batches whose gradients are averaged in a step.
        precision: ``"float32"``, or ``"bfloat16"`` or ``"float16"`` (on a GPU) for mixed precision.
        augment: Random changes of clips, see :mod:`graphkit.skeleton.augment`.
        workers: Processes that prepare batches of clips or nodes in advance.
        sync_batchnorm: If true, batch norms use the statistics of the whole batch over several processes, as in one
            process; else those of the slice of each rank, with less communication.
    """

    batch_size: Count | None = None
    num_neighbors: Sequence[int] = ()
    select: Literal["score", "loss"] = "score"
    metric: str | None = None
    standardize: bool = True
    label_smoothing: Share = 0.0
    class_weight: Literal["balanced"] | Sequence[Rate] | Mapping[str, Rate] | None = None
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
    """Base class of the configurations of all commands that train.

    Args:
        data: The data set.
        seed: First seed.
        seeds: Number of seeds.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        recipe: Name of the recipe of the settings; ``None`` without one.
    """

    #: Command of the configuration.
    command: ClassVar[str] = ""
    #: Settings that may change when a run is resumed, since they do not affect its numbers.
    free_settings: ClassVar[tuple[str, ...]] = ("device", "recipe", "data.root", "train.threads", "train.workers")
    data: DataSettings = DataSettings()
    seed: int = 0
    seeds: Annotated[int, Range(1, MAX_SEEDS)] = 1
    device: str = "auto"
    recipe: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as plain Python values, sections first."""
        values = super().to_dict()
        return dict(sorted(values.items(), key=lambda item: not isinstance(item[1], dict)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.seed < 2**32 - self.seeds:
            raise InputError(f"`seed` must not be negative and below 2**32 (got {self.seed})")


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Configuration of ``graphkit train``: model, data set and training.

    Args:
        model: The model.
        train: Settings of the training.
    """

    command: ClassVar[str] = "train"
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()

    @classmethod
    def read(cls: type[C], given: Mapping[str, Any]) -> C:
        """Returns the configuration from a mapping.

        Args:
            given: The settings, see :func:`graphkit.config.layers.merge`.

        Raises:
            InputError: If a model, data set or key is unknown (the message names the closest one), or a value has a
                wrong type or is out of range.
        """
        check_sections(cls, given)
        sections = {
            "model": read_model(given.get("model", {})),
            "data": read_data(given.get("data", {}), links=True),
            "train": TrainSettings.read(given.get("train", {})),
        }
        return cls(**{**given, **sections})


def read_model(given: Mapping[str, Any], default: str = ModelSettings.name) -> ModelSettings:
    """Returns the settings of a model from a mapping."""
    name = coerce("model.name", given.get("name", default), str)
    return model_settings_class(name).read({**given, "name": name})


def read_data(given: Mapping[str, Any], default: str = DataSettings.name, links: bool = False) -> DataSettings:
    """Returns the settings of a data set from a mapping.

    Raises:
        InputError: If the task is link-prediction, unless ``links``.
    """
    if given.get("task") == LINKS and not links:
        raise InputError(f"`data.task` must be a task of nodes or graphs here (got {LINKS}); use graphkit train")
    name = given.get("name", default)
    name = coerce("data.name", str(name) if type(name) is int else name, str)
    return data_settings_class(name, given.get("task")).read({**given, "name": name})
