"""Fair search of settings: the same number of trials for every model."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypedDict, TypeVar

import torch

from graphkit.coercion import coerce
from graphkit.config.layers import merge, read_config
from graphkit.errors import InputError, MissingPackageError
from graphkit.files import write_json
from graphkit.nn.search_space import Choice, SearchSpace, read_space
from graphkit.registry import canonical_model, get_model
from graphkit.settings import check_sections, plain
from graphkit.tasks import maximizes
from graphkit.training.build_model import make_model
from graphkit.training.checkpoint import load_state
from graphkit.training.environment import environment, rounded_mb
from graphkit.training.experiment import FIT, Experiment, Session, TrainExperiment
from graphkit.training.fingerprint import check_data
from graphkit.training.run_files import describe, read_train_result, write_result
from graphkit.training.run_result import NotNegative, Scores, against, check_result, read_checked, validation_rank
from graphkit.training.train_config import Count, RunConfig, TrainConfig, TrainSettings, read_data
from graphkit.training.trials import Trial, TrialFit, choose_trial, summarize_trials

C = TypeVar("C", bound="SearchConfig")

#: Trials that are drawn at random, and trials that are proposed at a time afterwards.
RANDOM, BATCH = 10, 4
#: Folder of the fits with the chosen settings of a model.
CHOSEN = "chosen"


class _Model(TypedDict):
    trials: list[Trial]
    chosen: int
    half: int | None
    test: Scores | None
    validation: Scores | None
    parameters: int
    seconds: NotNegative
    run: str
    against_best: dict[str, Any] | None


class SearchResult(TypedDict):
    """Content of ``result.json`` of a search."""

    dataset: str
    metric: str
    maximize: bool
    trials: int
    models: dict[str, _Model]
    chosen: str
    seeds: list[int]
    seconds: NotNegative
    run: str


@dataclass(frozen=True)
class SearchConfig(RunConfig):
    """Configuration of ``graphkit search``.

    Args:
        models: Names of the models.
        trials: Number of trials of each model.
        space: Search space of each model, see :func:`~graphkit.nn.search_space.read_space`.
        train: Settings of the training that all trials share.
    """

    command: ClassVar[str] = "search"
    models: Sequence[str] = ("gcn",)
    trials: Count = 20
    space: Mapping[str, Mapping[str, Any]] = ()  # type: ignore[assignment]
    train: TrainSettings = TrainSettings()

    @classmethod
    def read(cls: type[C], given: Mapping[str, Any]) -> C:
        """Returns the configuration from a mapping.

        Raises:
            InputError: If a model, data set, key or domain is unknown or invalid.
        """
        check_sections(cls, given)
        names = [canonical_model(name) for name in coerce("models", given.get("models", ("gcn",)), Sequence[str])]
        if not names or len(set(names)) < len(names):
            raise InputError(f"expected different models, got {names}; name each of them once, such as gcn,gat")
        spaces = coerce("space", given.get("space") or {}, Mapping[str, Any])
        spaces = {canonical_model(name): domains for name, domains in spaces.items()}
        if unused := [name for name in spaces if name not in names]:
            raise InputError(f"expected spaces of {', '.join(names)}, got one of '{unused[0]}'; remove it")
        space = {name: read_space(name, spaces.get(name) or _declared(name, given.get("train", {}))) for name in names}
        return cls(
            **{
                **given,
                "models": tuple(names),
                "space": {name: _plain(domains) for name, domains in space.items()},
                "data": read_data(given.get("data", {}), "cora"),
                "train": TrainSettings.read(given.get("train", {})),
            }
        )

    def spaces(self) -> dict[str, SearchSpace]:
        """Returns the search space of each model."""
        return {name: read_space(name, self.space[name]) for name in self.models}

    def train_config(self, model: str, options: Mapping[str, Any]) -> TrainConfig:
        """Returns the configuration of the fits of a model with options by key."""
        layer: dict[str, dict[str, Any]] = {"model": {"name": model}, "train": {}}
        for key, value in options.items():
            section, _, name = key.partition(".")
            layer[section][name] = value
        base = {"data": self.data.to_dict(), "train": self.train.to_dict()}
        rest = {"seed": self.seed, "seeds": self.seeds, "device": self.device, "recipe": None}
        return TrainConfig.read({**merge(base, layer), **rest})


def _declared(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the declared search space of a model, without settings that are given."""
    space: SearchSpace = get_model(model).search_space
    return _plain({key: domain for key, domain in space.items() if key.removeprefix("train.") not in given})


def _plain(space: SearchSpace) -> dict[str, Any]:
    return {key: domain.to_plain() for key, domain in space.items()}


class SearchExperiment(Experiment):
    """Search of the settings of several models, and fits of the chosen ones.

    The trials of a model have one seed, which the final fits do not use. Of a data set with several splits, they use
    the split of the first final fit; data that are generated from the seed of the run are drawn again for the trials.
    The first :data:`RANDOM` settings are random, the others are proposed in batches of :data:`BATCH` by the
    tree-structured Parzen estimator of Optuna, from all trials of the batches before. They follow from the seed and the
    scores in the folder alone, in any order of the fits and after any interruption.

    Args:
        config: The configuration.
    """

    distributed: ClassVar[bool] = False
    config: SearchConfig

    def __init__(self, config: SearchConfig) -> None:
        super().__init__(config)
        self._proposals: dict[str, _Proposals] = {}
        self._first: TrainExperiment | None = None

    @property
    def name(self) -> str:
        """Name of the run: ``search`` and the data set."""
        return f"search-{Path(self.config.data.name).stem}"

    def dry_run(self) -> None:
        """Builds each model with the ends of every domain.

        Raises:
            InputError: If the data have no validation items, or a value is invalid.
        """
        for model, space in self.config.spaces().items():
            experiment = self._experiment(self.config.train_config(model, {}))
            if experiment.dataset.protocol == "fold" or not all(s.val.numel() for s in experiment.dataset.splits):
                raise InputError(
                    f"a search needs validation items, which '{experiment.dataset.name}' does not have; "
                    "give a split, such as --split 0.8,0.1,0.1"
                )
            experiment.dry_run()
            for key, domain in space.items():
                for value in domain.examples:
                    make_model(self.config.train_config(model, {key: value}).model, experiment.dataset)
        _import_optuna()

    def units(self) -> list[str]:
        """Returns the trials of all models, then the final fits."""
        trials = [_trial(model, number) for model in self.config.models for number in range(self.config.trials)]
        return trials + [f"{model}/{CHOSEN}/{name}".rstrip("/") for model in self.config.models for name in self._seeds]

    def needs(self, unit: str) -> list[str]:
        """Returns the trials that a unit needs: of earlier batches; for a final fit, all."""
        model, _, member = unit.partition("/")
        number = int(member.removeprefix("trial-")) if member.startswith("trial-") else self.config.trials
        if number < self.config.trials:
            number = 0 if number < RANDOM else number - (number - RANDOM) % BATCH
        return [_trial(model, earlier) for earlier in range(number)]

    def reads(self, unit: str) -> list[str]:
        """Returns no units: :meth:`prepare` has written the settings."""
        return []

    def prepare(self, unit: str, folder: Path) -> None:
        """Writes the settings of a unit, which follow from the scores of others."""
        model, _, member = unit.partition("/")
        path = folder / model / member.partition("/")[0]
        if (path / "config.yaml").is_file():
            return
        path.mkdir(parents=True, exist_ok=True)
        if member.startswith("trial-"):
            options = self._options(model, int(member.removeprefix("trial-")), folder)
            config = self.config.train_config(model, options)
            data = replace(config.data, fold=self._trial_fold)
            describe(path, replace(config, data=data, seed=self.config.seed + self.config.seeds, seeds=1))
        else:
            scores = [self._score(model, number, folder) for number in range(self.config.trials)]
            options = self._options(model, choose_trial(model, scores, self._maximize), folder)
            describe(path, self.config.train_config(model, options))

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes configuration and environment, or checks the data of a resumed run."""
        dataset, data = self._plain.data_of(self._plain.config)
        if not (folder / "config.yaml").is_file():
            describe(folder, self.config)
        if (folder / "env.json").is_file():
            check_data(folder, dataset, data)
        else:
            write_json(folder / "env.json", {**environment(device), "data": data})

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains a trial, or one seed with the chosen settings."""
        model, _, member = unit.partition("/")
        group, _, name = member.partition("/")
        path = folder / model / group
        experiment = self._experiment(TrainConfig.read(merge(read_config(path / "config.yaml"))))
        session.keep()
        experiment.begin(path, session.device)
        if (path / "state.pt").is_file():
            load_state(path / "state.pt")  # a damaged checkpoint is not a failure of the settings
        try:
            experiment.fit(name, path, session)
        except InputError as error:  # settings with which a model cannot be trained, such as a loss that is not finite
            if group == CHOSEN:
                raise
            session.progress.say(f"{unit} has no score: {error}")
            write_json(path / FIT, {"validation": None, "seconds": 0.0, "error": str(error)})

    def read_fit(self, unit: str, folder: Path) -> Mapping[str, Any]:
        """Returns the scores of a fit."""
        return read_checked(folder / unit / FIT, TrialFit)

    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the content of ``result.json``: trials and final scores of all models."""
        models: dict[str, dict[str, Any]] = {}
        for model in self.config.models:
            path = folder / model / CHOSEN
            if not read_train_result(path):
                config = TrainConfig.read(merge(read_config(path / "config.yaml")))
                write_result(path, self._experiment(config).combine(path, peak_memory))
            result = read_train_result(path)
            trials = self._trials(model, folder)
            models[model] = {
                **summarize_trials(model, trials, self._maximize),
                **{key: result[key] for key in ("test", "validation", "parameters")},
                "seconds": sum(trial["seconds"] for trial in trials) + result["seconds"],
                "run": str(path),
            }
        results = {model: read_train_result(folder / model / CHOSEN) for model in models}
        chosen = max(models, key=lambda model: validation_rank(results[model]))
        for model, entry in models.items():
            entry["against_best"] = None if model == chosen else against(results[model], results[chosen])[0]
        best = results[chosen]
        return {
            "command": "search",
            **{key: best[key] for key in ("model", "dataset", "task", "metric", "maximize")},
            "trials": self.config.trials,
            "space": plain(self.config.space),
            "models": models,
            "chosen": chosen,
            **{key: best[key] for key in ("test", "validation", "parameters", "seeds")},
            "selected_on": "validation",
            "seconds": sum(entry["seconds"] for entry in models.values()),
            "peak_memory_mb": rounded_mb(peak_memory),
            "run": str(folder),
        }

    @cached_property
    def _seeds(self) -> list[str]:
        """Names of the final fits of a model; a single one has the name ``""``."""
        return [*self._plain.members]

    @property
    def _trial_fold(self) -> int | None:
        """Split of the trials: that of the first final fit, ``None`` if there is only one."""
        config, splits = self._plain.config, self._plain.dataset.splits
        return config.seed % len(splits) if config.data.fold is None and len(splits) > 1 else config.data.fold

    def _experiment(self, config: TrainConfig) -> TrainExperiment:
        """Returns the experiment of a configuration, with data that are loaded already."""
        experiment = TrainExperiment(config)
        if self._first is not None and self._first.config.data.key(config.seed) == config.data.key(config.seed):
            experiment.share_data(self._first)
        else:
            self._first = experiment
        return experiment

    def _options(self, model: str, number: int, folder: Path) -> dict[str, Any]:
        """Returns the proposed settings of a trial."""
        if model not in self._proposals:
            self._proposals[model] = _Proposals(self.config.spaces()[model], self.config.seed, self._maximize)
        return self._proposals[model].options(number, lambda index: self._score(model, index, folder))

    def _score(self, model: str, number: int, folder: Path) -> float | None:
        score: float | None = self.read_fit(_trial(model, number), folder)["validation"]
        return score

    def _trials(self, model: str, folder: Path) -> list[Trial]:
        """Returns the trials of a model."""
        fits = [read_checked(folder / _trial(model, number) / FIT, TrialFit) for number in range(self.config.trials)]
        return [
            {
                "options": self._options(model, number, folder),
                "validation": fitted["validation"],
                "seconds": fitted["seconds"],
            }
            for number, fitted in enumerate(fits)
        ]

    @cached_property
    def _maximize(self) -> bool:
        """``True`` if larger scores are better."""
        return maximizes(self.config.train.metric or self._plain.dataset.metric)

    @cached_property
    def _plain(self) -> TrainExperiment:
        """Experiment of the first model with its defaults."""
        return self._experiment(self.config.train_config(self.config.models[0], {}))


class _Proposals:
    """Proposals of Optuna, in batches, as a function of the seed and the scores.

    Args:
        space: The search space.
        seed: Seed of the proposals.
        maximize: Whether larger scores are better.
    """

    def __init__(self, space: SearchSpace, seed: int, maximize: bool) -> None:
        optuna = _import_optuna()
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM, constant_liar=True)
        self._study = optuna.create_study(sampler=sampler, direction="maximize" if maximize else "minimize")
        self._failed = optuna.trial.TrialState.FAIL
        self._domains = space
        self._space = {
            key: optuna.distributions.CategoricalDistribution(domain.values)
            if isinstance(domain, Choice)
            else optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.log)
            for key, domain in space.items()
        }
        self._trials: list[Any] = []
        self._told = 0

    def options(self, number: int, score: Callable[[int], float | None]) -> dict[str, Any]:
        """Returns the settings of a trial; ``score`` returns the score of an earlier one."""
        while len(self._trials) <= number:
            for trial in self._trials[self._told :]:
                value = score(self._told)
                self._study.tell(trial, value, state=self._failed if value is None else None)
                self._told += 1
            for _ in range(BATCH if self._trials else RANDOM):
                self._trials.append(self._study.ask(self._space))
        return {key: self._rounded(key, value) for key, value in self._trials[number].params.items()}

    def _rounded(self, key: str, value: Any) -> Any:
        """Rounds a number of an interval to three significant digits."""
        domain = self._domains[key]
        if isinstance(domain, Choice):
            return value
        return min(max(float(f"{value:.3g}"), domain.low), domain.high)


def _trial(model: str, number: int) -> str:
    return f"{model}/trial-{number:03d}"


def _import_optuna() -> Any:
    """Imports Optuna, without its messages.

    Raises:
        MissingPackageError: If it is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        raise MissingPackageError("a search needs Optuna, which is not installed: pip install optuna") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def check_search_result(result: dict[str, Any], path: Path) -> None:
    """Checks the content of ``result.json`` of a search.

    Raises:
        InputError: If a key is missing, or a value has a wrong type; the message names the key.
    """
    check_result(result, SearchResult, path)
