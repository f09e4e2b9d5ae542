"""Experiments: independent fits of a run folder and their aggregation."""

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
from graphkit.nn.sync_batch_norm import check_norms
from graphkit.training.build_model import check_graphs, make_model
from graphkit.training.callbacks import Callback
from graphkit.training.environment import environment, peak_memory_mb, pick_device
from graphkit.training.fingerprint import check_data, fingerprint
from graphkit.training.fit_task import fit_task
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.interrupt import InterruptFlag
from graphkit.training.loss import ExtraLosses
from graphkit.training.node_batches import drawing, node_loader
from graphkit.training.optimizer import Schedule, make_optimizer
from graphkit.training.progress import Progress
from graphkit.training.run_files import describe, write_rejected, write_result
from graphkit.training.run_result import FitResult, combine, read_checked
from graphkit.training.train_config import RunConfig, TrainConfig
from graphkit.training.trainer import Trainer

#: File of a fit that is written last, when the fit is complete.
FIT = "fit.json"


@dataclass
class Session:
    """Objects that all fits of a process share.

    Args:
        device: Device of the training.
        progress: Progress display.
        interrupt: Flag of an interruption.
        keep: Called as soon as the run folder can be resumed.
        callbacks: Callbacks of the user.
    """

    device: torch.device
    progress: Progress
    interrupt: InterruptFlag
    keep: Callable[[], None] = lambda: None
    callbacks: Sequence[Callback] = ()


class Plan:
    """Order of units; all are independent by default."""

    def needs(self, unit: str) -> list[str]:
        """Returns the units that must be complete before a unit."""
        return []

    def reads(self, unit: str) -> list[str]:
        """Returns the units whose files a unit reads."""
        return self.needs(unit)

    def prepare(self, unit: str, folder: Path) -> None:
        """Writes what a unit needs from the results of others, when these are complete."""


class Experiment(Plan, ABC):
    """Base class of experiments: a list of independent units and their aggregation.

    A unit is a fit with a subfolder of the run folder; it is complete when its :data:`FIT` exists.

    Args:
        config: The configuration.
    """

    #: Whether several processes of ``torchrun`` may share a unit.
    distributed: ClassVar[bool] = True

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    @property
    @abstractmethod
    def name(self) -> str:
        """First part of the name of a new run folder."""

    @abstractmethod
    def dry_run(self) -> None:
        """Builds all objects of the units once, to raise their errors before training."""

    @abstractmethod
    def units(self) -> list[str]:
        """Returns the folders of all units, in order; ``""`` is the run folder itself."""

    @abstractmethod
    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes the configuration and the environment, or checks existing ones.

        Raises:
            InputError: If the data have changed since the run began.
        """

    @abstractmethod
    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Runs a unit, from its last checkpoint if any, and writes its results."""

    @abstractmethod
    def read_fit(self, unit: str, folder: Path) -> Mapping[str, Any]:
        """Returns the results of a completed unit.

        Raises:
            InputError: If they are damaged; the message names the key.
        """

    @abstractmethod
    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the content of ``result.json`` from all completed units.

        Args:
            folder: The run folder.
            peak_memory: Peak memory in MiB.
        """


class TrainExperiment(Experiment):
    """Training of one model on one data set.

    There is a unit for each seed, and for each fold under the ten-fold protocol.

    Args:
        config: The configuration.
    """

    config: TrainConfig

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self._loaded: tuple[tuple[DataSettings, int | None], GraphDataset, dict[str, str]] | None = None

    @property
    def name(self) -> str:
        """Name of the run: model and data set."""
        return f"{self.config.model.name}-{Path(self.config.data.name).stem}"

    @property
    def dataset(self) -> GraphDataset:
        """Data set of the first seed."""
        return self.data_of(self.config)[0]

    def data_of(self, config: TrainConfig) -> tuple[GraphDataset, dict[str, str]]:
        """Returns the data set of a unit and its fingerprint, cached for the latest one."""
        key = config.data.key(config.seed)
        if self._loaded is None or self._loaded[0] != key:
            dataset = get_communicator().rank_zero_first(lambda: config.data.load(config.seed))
            self._loaded = key, dataset, fingerprint(dataset)
        return self._loaded[1:]

    def share_data(self, other: "TrainExperiment") -> None:
        """Uses the loaded data of another experiment on the same data set."""
        other.data_of(other.config)
        self._loaded = other._loaded

    @cached_property
    def members(self) -> dict[str, TrainConfig]:
        """Names and configurations of the units; a single one has the name ``""``.

        Unit ``i`` has the seed ``s + i`` and the split of this number, modulo the number of splits; under the ten-fold
        protocol, every seed has all folds.
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
                folds = [seed % len(dataset.splits)]
            for fold in folds:
                names = [f"seed-{seed}"] if config.seeds > 1 or not by_fold else []
                name = "-".join([*names, *([f"fold-{fold}"] if by_fold else [])])
                members[name] = replace(config, seed=seed, seeds=1, data=replace(config.data, fold=fold))
        return members

    def units(self) -> list[str]:
        """Returns the names of the units."""
        return [*self.members]

    def extra_losses(
        self, config: TrainConfig, dataset: GraphDataset, split: Split, device: torch.device
    ) -> Callable[[GraphModel], ExtraLosses] | None:
        """Returns a function that creates extra losses of a model; ``None`` for none."""
        return None

    def dry_run(self) -> None:
        """Builds model, optimizer, schedule, task, augmentation and loader once."""
        dataset, settings = self.dataset, self.config.train
        split = dataset.splits[0]
        if not split.train.numel():
            raise InputError("a split must have at least one training item (got none); draw another split")
        model = make_model(self.config.model, dataset)
        check_graphs(model, dataset)
        self.config.model.check(model, dataset, settings.batch_size)
        if get_communicator().world_size > 1 and settings.sync_batchnorm and not dataset.is_single_graph:
            check_norms(model)
        Schedule(make_optimizer(model, settings), settings)
        fit_task(dataset, split, settings, training=True)
        dataset.augmentation(settings.augment)
        GradientStepper(settings.precision, settings.accumulate, pick_device(self.config.device))
        if settings.num_neighbors:
            drawing(node_loader(model, dataset, settings.batch_size), settings.num_neighbors)
        first = next(iter(self.members.values()))
        if make_extra := self.extra_losses(first, dataset, split, torch.device("cpu")):
            make_extra(model)

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes ``config.yaml`` and ``env.json``, or checks the data of a resumed run."""
        dataset, data = self.data_of(self.config)
        get_communicator().broadcast_from_rank0(partial(_begin, folder, self.config, device, dataset, data))

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains with one seed on one split."""
        communicator = get_communicator()
        config, path = self.members[unit], folder / unit
        dataset, data = self.data_of(config)
        split = dataset.split_of(config.data.fold, config.seed)
        label = f"{config.model.name} {unit}".strip()
        make_extra = self.extra_losses(config, dataset, split, session.device)
        device, progress, callbacks = session.device, session.progress, session.callbacks
        trainer = Trainer(config, dataset, path, device, progress, label, data, make_extra, callbacks, unit)
        session.keep()
        if unit:
            communicator.broadcast_from_rank0(partial(_begin, path, config, session.device, dataset, data))
        fitted = trainer.run(session.interrupt)
        (peak,) = communicator.all_reduce_max(peak_memory_mb(session.device))
        result = combine(config, dataset, [fitted], path, peak) if unit else None
        communicator.broadcast_from_rank0(lambda: _write(path, result, fitted))

    def read_fit(self, unit: str, folder: Path) -> FitResult:
        """Returns the scores of a fit."""
        return read_checked(folder / unit / FIT, FitResult)

    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the content of ``result.json``, aggregated over seeds or folds."""
        fits = [self.read_fit(unit, folder) for unit in self.members]
        return combine(self.config, self.dataset, fits, folder, peak_memory)


def _write(path: Path, result: dict[str, Any] | None, fitted: FitResult) -> None:
    """Writes the results of a fit, :data:`FIT` last."""
    if result is not None:
        write_result(path, result)
    write_json(path / FIT, fitted)


def _begin(folder: Path, config: RunConfig, device: torch.device, dataset: GraphDataset, data: dict[str, str]) -> None:
    """Writes the files of a new run, or checks the data of a resumed one.

    Raises:
        InputError: If the data have changed.
    """
    if not (folder / "config.yaml").is_file():
        describe(folder, config)
    if (folder / "env.json").is_file():
        check_data(folder, dataset, data)
    else:
        write_rejected(folder, dataset.rejected)
        write_json(folder / "env.json", {**environment(device), "data": data})
