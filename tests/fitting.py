"""Runs from nested settings without a recipe, for tests that look at results alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.data import GraphDataset
from graphkit.experiments import ResultFolder, build_config, run
from graphkit.experiments import resume as resume_run
from graphkit.training.progress import Progress
from graphkit.training.train_config import TrainConfig

Settings = Mapping[str, Any]


def _content(folder: ResultFolder) -> dict[str, Any]:
    return folder.shard if folder.shard is not None else folder.result


def fit(settings: Settings, output: Any = None, progress: Progress | None = None, shard: str | None = None) -> Any:
    """Returns the result of a run of ``train``, or what its shards have done."""
    return _content(run(build_config("train", settings, recipe="none"), output, progress, shard))


def fit_distill(
    settings: Settings, output: Any = None, progress: Progress | None = None, shard: str | None = None
) -> Any:
    """Returns the result of a run of ``distill``, or what its shards have done."""
    return _content(run(build_config("distill", settings, recipe="none"), output, progress, shard))


def fit_continual(
    settings: Settings, output: Any = None, progress: Progress | None = None, shard: str | None = None
) -> Any:
    """Returns the result of a run of ``continual``, or what its shards have done."""
    return _content(run(build_config("continual", settings, recipe="none"), output, progress, shard))


def resume(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> Any:
    """Returns the result of a run that is continued, or what its shards have done."""
    return _content(resume_run(folder, progress, device, shard, command="train"))


def resume_distill(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> Any:
    """Returns the result of a comparison that is continued, or what its shards have done."""
    return _content(resume_run(folder, progress, device, shard, command="distill"))


def resume_continual(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> Any:
    """Returns the result of a continual run that is continued, or what its shards have done."""
    return _content(resume_run(folder, progress, device, shard, command="continual"))


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
