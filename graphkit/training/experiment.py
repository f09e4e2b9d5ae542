"""Experiments: independent fits, each in a folder of its own, and the result that follows from them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from graphkit.data import GraphDataset, Split
from graphkit.data.data_settings import DataSettings
from graphkit.distributed.communicator import get_communicator
from graphkit.errors import InputError
from graphkit.files import write_json
from graphkit.nn import GraphModel
from graphkit.tasks import make_task
from graphkit.training.build_model import check_graphs, make_model
from graphkit.training.environment import environment, peak_memory_mb, pick_device
from graphkit.training.fingerprint import check_data, fingerprint
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.interrupt import InterruptFlag
from graphkit.training.loss import ExtraLosses
from graphkit.training.node_batches import drawing, node_loader
from graphkit.training.optimizer import Schedule, make_optimizer
from graphkit.training.progress import Progress
from graphkit.training.run_files import describe, write_result
from graphkit.training.run_result import FitResult, combine, read_checked
from graphkit.training.train_config import RunConfig, TrainConfig
from graphkit.training.trainer import Trainer

#: File of a fit that is written last: it says that the fit is done.
FIT = "fit.json"


@dataclass
class Session:
    """Context that all fits of one process share.

    Args:
        device: Where to train.
        progress: Display of the progress.
        interrupt: Whether Ctrl-C came.
        keep: Called as soon as the run folder can be resumed.
    """

    device: torch.device
    progress: Progress
    interrupt: InterruptFlag
    keep: Callable[[], None] = lambda: None


class Experiment(ABC):
    """A list of independent units and the aggregation of their results.

    A unit is one fit with a folder of its own below the run folder; it is done when its :data:`FIT` is there.

    Args:
        config: The configuration.
    """

    #: Whether several processes share out the units instead of working on each of them together.
    shares_units: ClassVar[bool] = False

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    @property
    @abstractmethod
    def name(self) -> str:
        """First part of the name of a new run folder."""

    @abstractmethod
    def dry_run(self) -> None:
        """Makes everything that the units need once and throws it away; raises what would go wrong later."""

    @abstractmethod
    def units(self) -> list[str]:
        """Returns the folders of all units, those that others need first; ``""`` is the run folder itself."""

    def needs(self, unit: str) -> list[str]:
        """Returns the units that must be done before a unit."""
        return []

    @abstractmethod
    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes the configuration and the environment of a run, or checks those that are there.

        Raises:
            InputError: If the data have changed since the run began.
        """

    @abstractmethod
    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Does one unit, from its last checkpoint if there is one, and writes its results."""

    @abstractmethod
    def read_fit(self, unit: str, folder: Path) -> Mapping[str, Any]:
        """Reads the results of a unit that is done.

        Raises:
            InputError: If they are damaged; the key is named.
        """

    @abstractmethod
    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the content of ``result.json`` once all units are done.

        Args:
            folder: The run folder.
            peak_memory: The largest memory in use, in MiB.
        """


class TrainExperiment(Experiment):
    """One model on one data set: a unit for each seed, and for each fold where the protocol is by folds.

    Args:
        config: The configuration.
    """

    config: TrainConfig

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self._loaded: tuple[tuple[DataSettings, int | None], GraphDataset, dict[str, str]] | None = None

    @property
    def name(self) -> str:
        """Model and data set."""
        return f"{self.config.model.name}-{Path(self.config.data.name).stem}"

    @property
    def dataset(self) -> GraphDataset:
        """The data set of the first seed."""
        return self.data_of(self.config)[0]

    def data_of(self, config: TrainConfig) -> tuple[GraphDataset, dict[str, str]]:
        """Returns the data set of a unit and its fingerprint; it is loaded again only where it is another one."""
        key = config.data.key(config.seed)
        if self._loaded is None or self._loaded[0] != key:
            dataset = get_communicator().rank_zero_first(lambda: config.data.load(config.seed))
            self._loaded = key, dataset, fingerprint(dataset)
        return self._loaded[1:]

    def share_data(self, other: "TrainExperiment") -> None:
        """Takes the data that another experiment on the same data set has loaded."""
        other.data_of(other.config)
        self._loaded = other._loaded

    @cached_property
    def members(self) -> dict[str, TrainConfig]:
        """Names and configurations of the units; a single one has the name ``""``.

        Seed ``s + i`` and split ``i`` belong to unit ``i``; where the protocol is by folds, every seed has all of them.
        """
        config, dataset = self.config, self.dataset
        by_fold = dataset.protocol == "fold" and config.data.fold is None
        if config.seeds == 1 and not by_fold:
            return {"": config}
        members: dict[str, TrainConfig] = {}
        for index in range(config.seeds):
            seed = config.seed + index
            folds: Sequence[int | None] = range(len(dataset.splits)) if by_fold else [config.data.fold]
            if not by_fold and config.data.fold is None and len(dataset.splits) > 1:
                folds = [index % len(dataset.splits)]
            for fold in folds:
                names = [f"seed-{seed}"] if config.seeds > 1 or not by_fold else []
                name = "-".join([*names, *([f"fold-{fold}"] if by_fold else [])])
                members[name] = replace(config, seed=seed, seeds=1, data=replace(config.data, fold=fold))
        return members

    def units(self) -> list[str]:
        """Returns the names of the members."""
        return [*self.members]

    def extra_losses(
        self, config: TrainConfig, dataset: GraphDataset, split: Split, device: torch.device
    ) -> Callable[[GraphModel], ExtraLosses] | None:
        """Returns the function that makes the losses in addition to that of the task; ``None`` without any."""
        return None

    def dry_run(self) -> None:
        """Makes model, optimizer, schedule, task, augmentation and loader once."""
        dataset, settings = self.dataset, self.config.train
        split = dataset.splits[0]
        if not split.train.numel():
            raise InputError("a split must have at least one training item (got none)")
        model = make_model(self.config.model, dataset)
        check_graphs(model, dataset)
        Schedule(make_optimizer(model, settings), settings)
        make_task(dataset.task, dataset.metric, settings.label_smoothing)
        dataset.augmentation(settings.augment)
        GradientStepper(settings.precision, settings.accumulate, pick_device(self.config.device))
        if settings.num_neighbors:
            drawing(node_loader(model, dataset, settings.batch_size), settings.num_neighbors)
        first = next(iter(self.members.values()))
        if make_extra := self.extra_losses(first, dataset, split, torch.device("cpu")):
            make_extra(model)

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes ``config.yaml`` and ``env.json``, or checks the data against them."""
        dataset, data = self.data_of(self.config)
        get_communicator().broadcast_from_rank0(partial(_begin, folder, self.config, device, dataset, data))

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains one seed on one split."""
        communicator = get_communicator()
        config, path = self.members[unit], folder / unit
        dataset, data = self.data_of(config)
        split = dataset.split_of(config.data.fold)
        label = f"{config.model.name} {unit}".strip()
        make_extra = self.extra_losses(config, dataset, split, session.device)
        trainer = Trainer(config, dataset, path, session.device, session.progress, label, data, make_extra)
        session.keep()
        if unit:
            communicator.broadcast_from_rank0(partial(_begin, path, config, session.device, dataset, data))
        fitted = trainer.run(session.interrupt)
        (peak,) = communicator.all_reduce_max(peak_memory_mb(session.device))
        result = combine(config.model.name, dataset, [fitted], path, peak) if unit else None
        communicator.broadcast_from_rank0(lambda: _write(path, result, fitted))

    def read_fit(self, unit: str, folder: Path) -> FitResult:
        """Reads the scores of a fit."""
        return read_checked(folder / unit / FIT, FitResult)

    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns mean and deviation over the seeds, or over the folds."""
        fits = [self.read_fit(unit, folder) for unit in self.members]
        return combine(self.config.model.name, self.dataset, fits, folder, peak_memory)


def _write(path: Path, result: dict[str, Any] | None, fitted: FitResult) -> None:
    """Writes the results of a fit; the file that says it is done comes last."""
    if result is not None:
        write_result(path, result)
    write_json(path / FIT, fitted)


def _begin(folder: Path, config: RunConfig, device: torch.device, dataset: GraphDataset, data: dict[str, str]) -> None:
    """Writes what a run is about, and on which data, before it starts; of a run that has begun, checks the data.

    Raises:
        InputError: If the data have changed.
    """
    if not (folder / "config.yaml").is_file():
        describe(folder, config)
    if (folder / "env.json").is_file():
        check_data(folder, dataset, data)
    else:
        write_json(folder / "env.json", {**environment(device), "data": data})
