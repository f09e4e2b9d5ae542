"""Runs from nested settings without a recipe, for tests that look at results alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.data import GraphDataset
from graphkit.experiments import Engine, build_config, run
from graphkit.experiments import resume as resume_run
from graphkit.experiments.driver import INLINE
from graphkit.training.progress import Progress
from graphkit.training.train_config import TrainConfig

Settings = Mapping[str, Any]


def fit(settings: Settings, output: Any = None, progress: Progress | None = None, engine: Engine = INLINE) -> Any:
    """Returns the result of a run of ``train``."""
    return run(build_config("train", settings, recipe="none"), output, progress, engine=engine).result


def fit_distill(
    settings: Settings, output: Any = None, progress: Progress | None = None, engine: Engine = INLINE
) -> Any:
    """Returns the result of a run of ``distill``."""
    return run(build_config("distill", settings, recipe="none"), output, progress, engine=engine).result


def fit_continual(
    settings: Settings, output: Any = None, progress: Progress | None = None, engine: Engine = INLINE
) -> Any:
    """Returns the result of a run of ``continual``."""
    return run(build_config("continual", settings, recipe="none"), output, progress, engine=engine).result


def resume(folder: str | Path, progress: Progress | None = None, device: str | None = None) -> Any:
    """Returns the result of a run that is continued."""
    return resume_run(folder, progress, device, command="train").result


def resume_distill(folder: str | Path, progress: Progress | None = None, device: str | None = None) -> Any:
    """Returns the result of a comparison that is continued."""
    return resume_run(folder, progress, device, command="distill").result


def resume_continual(folder: str | Path, progress: Progress | None = None, device: str | None = None) -> Any:
    """Returns the result of a continual run that is continued."""
    return resume_run(folder, progress, device, command="continual").result


def train_config(*layers: Settings) -> TrainConfig:
    """Returns the configuration of ``train``."""
    config = build_config("train", *layers, recipe="none")
    assert isinstance(config, TrainConfig)
    return config


def load_dataset(config: TrainConfig) -> GraphDataset:
    """Returns the data set of a configuration."""
    return config.data.load(config.seed)


def resolve(*layers: Settings) -> dict[str, Any]:
    """Returns the configuration of ``train`` as it is written."""
    return build_config("train", *layers, recipe="none").to_dict()


def resolve_distill(*layers: Settings) -> dict[str, Any]:
    """Returns the configuration of ``distill`` as it is written."""
    return build_config("distill", *layers, recipe="none").to_dict()


def resolve_continual(*layers: Settings) -> dict[str, Any]:
    """Returns the configuration of ``continual`` as it is written."""
    return build_config("continual", *layers, recipe="none").to_dict()
