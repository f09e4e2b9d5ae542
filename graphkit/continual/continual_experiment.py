"""Experiment of continual learning: several strategies on one stream."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from graphkit.continual.continual_config import ContinualConfig, StrategySettings, read_strategy
from graphkit.continual.continual_result import ContinualFitResult, combine_continual
from graphkit.continual.continual_trainer import ContinualTrainer, make_stream, make_stream_model
from graphkit.data import GraphDataset
from graphkit.data.data_settings import DataSettings
from graphkit.distributed.communicator import get_communicator
from graphkit.errors import InputError
from graphkit.files import write_json
from graphkit.registry import get_strategy
from graphkit.tasks import maximizes
from graphkit.training.build_model import check_graphs
from graphkit.training.environment import environment
from graphkit.training.experiment import FIT, Experiment, Session
from graphkit.training.fingerprint import check_data, fingerprint
from graphkit.training.run_files import describe
from graphkit.training.run_result import REMEDY, read_checked
from graphkit.training.trials import Trial, choose_trial


class ContinualExperiment(Experiment):
    """Comparison of strategies against forgetting on one stream, with the same seeds.

    With a search, every setting in the grid of a strategy is evaluated once, with a separate seed. The setting with the
    best mean validation score over all tasks after the last one is used for the seeds.

    Args:
        config: The configuration.
    """

    distributed: ClassVar[bool] = False
    config: ContinualConfig

    def __init__(self, config: ContinualConfig) -> None:
        super().__init__(config)
        self._loaded: tuple[tuple[DataSettings, int | None], GraphDataset, dict[str, str]] | None = None

    @property
    def name(self) -> str:
        """Name of the run: ``continual`` and the data set."""
        return f"continual-{Path(self.config.data.name).stem}"

    def data_of(self, config: ContinualConfig) -> tuple[GraphDataset, dict[str, str]]:
        """Returns the data set of a unit and its fingerprint, cached for the latest one."""
        key = config.data.key(config.seed)
        if self._loaded is None or self._loaded[0] != key:
            dataset = config.data.load(config.seed)
            self._loaded = key, dataset, fingerprint(dataset)
        return self._loaded[1:]

    def dry_run(self) -> None:
        """Builds the stream, the model and the strategies once."""
        dataset, _ = get_communicator().rank_zero_first(lambda: self.data_of(self.config))
        stream = make_stream(self.config, dataset)
        model = make_stream_model(self.config, stream)
        check_graphs(model, dataset)
        for settings in self.config.strategies.values():
            strategy = settings.make()
            for task in stream:
                strategy.before_task(model, task)

    def units(self) -> list[str]:
        """Returns the units: first the trials of the search, then the seeds, by strategy."""
        trials = [f"{name}/{trial}" for name in self.config.strategies for trial, _ in self._trials(name)]
        seeds = range(self.config.seed, self.config.seed + self.config.seeds)
        return trials + [f"{name}/seed-{seed}" for name in self.config.strategies for seed in seeds]

    def needs(self, unit: str) -> list[str]:
        """Returns the units that must end before a unit: the trials of its strategy."""
        name, _, member = unit.partition("/")
        return [f"{name}/{trial}" for trial, _ in self._trials(name)] if member.startswith("seed-") else []

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes the configuration and the environment, or checks them for a resumed run."""
        dataset, data = self.data_of(self.config)

        def write() -> None:
            if not (folder / "config.yaml").is_file():
                describe(folder, self.config)
            if (folder / "env.json").is_file():
                check_data(folder, dataset, data)
            else:
                write_json(folder / "env.json", {**environment(device), "data": data})

        get_communicator().broadcast_from_rank0(write)

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains on the stream with one strategy and one seed."""
        name, _, member = unit.partition("/")
        config, path = self._config_of(name, member, folder), folder / unit
        dataset, data = self.data_of(config)
        moved = _moved(dataset, session.device)
        trainer = ContinualTrainer(config, name, moved, path, session.device, session.progress, data)
        session.keep()
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / FIT, trainer.run(session.interrupt))

    def read_fit(self, unit: str, folder: Path) -> ContinualFitResult:
        """Reads the scores of a fit."""
        path = folder / unit / FIT
        fitted = read_checked(path, ContinualFitResult)
        if any(len(row) != len(fitted["matrix"]) for row in fitted["matrix"]):
            raise InputError(f"'{path}' is damaged (`matrix` is not square); {REMEDY}")
        return fitted

    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the content of ``result.json``: scores and trials of all strategies."""
        fits = [self.read_fit(unit, folder) for unit in self.units() if "/seed-" in unit]
        trials = {name: tried for name in self.config.strategies if (tried := self._tried(name, folder))}
        options = {name: self._settings(name, folder).to_dict() for name in self.config.strategies}
        dataset, _ = self.data_of(self.config)
        return combine_continual(self.config, dataset, fits, options, trials, folder, peak_memory)

    def _trials(self, name: str) -> Iterator[tuple[str, StrategySettings]]:
        """Yields the folders and the settings of the trials of a strategy, if any."""
        grid = get_strategy(name).grid
        if not self.config.search or len(grid) < 2:
            return
        for number, setting in enumerate(grid):
            yield f"search-{number}", read_strategy(name, {**self.config.strategies[name].to_dict(), **setting})

    def _tried(self, name: str, folder: Path) -> list[Trial]:
        """Returns the completed trials of a strategy, if any."""
        trials: list[Trial] = []
        for trial, settings in self._trials(name):
            fitted = self.read_fit(f"{name}/{trial}", folder)
            trials.append(
                {"options": settings.to_dict(), "validation": fitted["validation"], "seconds": fitted["seconds"]}
            )
        return trials

    def _settings(self, name: str, folder: Path) -> StrategySettings:
        """Returns the settings of a strategy; with a search, those of its best trial."""
        trials = self._tried(name, folder)
        if not trials:
            return self.config.strategies[name]
        maximize = maximizes(self.data_of(self.config)[0].metric)
        best = choose_trial(name, [trial["validation"] for trial in trials], maximize)
        return read_strategy(name, trials[best]["options"])

    def _config_of(self, name: str, member: str, folder: Path) -> ContinualConfig:
        """Returns the configuration of a unit."""
        config, trials = self.config, dict(self._trials(name))
        searched = member in trials
        settings = trials[member] if searched else self._settings(name, folder)
        seed = config.seed + config.seeds if searched else int(member.removeprefix("seed-"))
        return replace(config, seed=seed, seeds=1, strategies={**config.strategies, name: settings})


def _moved(dataset: GraphDataset, device: torch.device) -> GraphDataset:
    """Returns a data set on a device."""
    if device.type == "cpu":
        return dataset
    graphs: Any = dataset.graphs
    moved = graphs.to(device) if hasattr(graphs, "to") else tuple(graph.clone().to(device) for graph in graphs)
    return dataset.replace(graphs=moved)
