"""Teacher of a student, loaded from a run folder with the same data and split."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from graphkit.data import GraphDataset
from graphkit.data.data_settings import DataSettings
from graphkit.errors import InputError
from graphkit.nn import GraphModel
from graphkit.training.run_result import validation_rank
from graphkit.training.train_config import TrainConfig

#: Options of the data that may differ between teacher and student; the fold is compared separately.
_FREE = ("root", "transforms", "stream", "fold")


class TrainedRun(Protocol):
    """Protocol of a run folder, see :class:`graphkit.experiments.RunFolder`."""

    path: Path
    config: TrainConfig

    @property
    def dataset(self) -> GraphDataset:
        """Data set of the run."""

    def with_dataset(self, dataset: GraphDataset) -> "TrainedRun":
        """Returns the run with a data set that is already loaded."""

    @property
    def result(self) -> dict[str, Any]:
        """Content of ``result.json``."""

    @property
    def fits(self) -> Sequence["TrainedRun"]:
        """Runs of the single seeds and folds."""

    @property
    def model(self) -> GraphModel:
        """Trained model."""


def load_teacher(run: TrainedRun, config: TrainConfig, dataset: GraphDataset) -> TrainedRun:
    """Returns the fit of a run that is the teacher of a student.

    This is the fit with the same split and seed, else the best one with the same split.

    Raises:
        InputError: If the run has not ended, or was trained on other data or splits.
    """
    if not run.result:
        remedy = f"continue it with: graphkit train --resume {run.path}"
        raise InputError(f"the teacher '{run.path}' has not ended; {remedy}")
    expected, theirs = ({**settings.data.to_dict(), **dict.fromkeys(_FREE)} for settings in (config, run.config))
    for key in ("name", *expected, *theirs):
        if expected.get(key) != theirs.get(key):
            what = "another data set" if key == "name" else f"other data (`data.{key}`)"
            raise InputError(
                f"the teacher '{run.path}' was trained on {what}: {theirs.get(key)} (the student's is "
                f"{expected.get(key)}); use a teacher of the same data and split, not trained on test items"
            )
    drawn = config.data.is_drawn
    fold = _fold(config, dataset)
    fits = [fit for fit in run.fits if _fold(fit.config, dataset) == fold]
    fits = [fit for fit in fits if not drawn or fit.config.seed == config.seed]
    if not fits:
        what = f"data drawn with the seed {config.seed}" if drawn else f"the split {fold}"
        raise InputError(f"the teacher '{run.path}' has no fit on {what}; train it with as many seeds as the student")
    same = [fit for fit in fits if fit.config.seed == config.seed]
    teacher = same[0] if same else max(fits, key=lambda fit: validation_rank(fit.result))
    if _shaped(teacher.config) == _shaped(config):
        return teacher.with_dataset(dataset)
    if dataset.holds == "skeleton clips":
        raise InputError(f"the teacher '{run.path}' was trained on another stream of the clips; set its `data.stream`")
    if not dataset.is_single_graph:
        raise InputError(
            f"the teacher '{run.path}' was trained on other graphs: its `data.transforms` are "
            f"{list(teacher.config.data.transforms)} (the student's are {list(config.data.transforms)}); set these"
        )
    return teacher


def _fold(config: TrainConfig, dataset: GraphDataset) -> int:
    return (config.seed if config.data.fold is None else config.data.fold) % len(dataset.splits)


def _shaped(config: TrainConfig) -> DataSettings:
    """Returns the settings that the graphs depend on."""
    return replace(config.data, root=None, fold=None)
