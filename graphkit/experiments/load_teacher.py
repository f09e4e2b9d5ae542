"""Teacher of a student: the fit of a run folder that was trained on the same data and split."""

from collections.abc import Callable
from typing import Any

import torch

from graphkit import data
from graphkit.data import GraphDataset, Split
from graphkit.distill.distillation import Distillation
from graphkit.errors import InputError
from graphkit.experiments.run_folder import RunFolder, open_run
from graphkit.nn import GraphModel

#: Options of the data in which teacher and student may differ; the fold is compared apart.
_FREE = ("root", "transforms", "stream", "fold")


def distillation_of(
    config: dict[str, Any], dataset: GraphDataset, split: Split, device: torch.device, teacher: RunFolder | None = None
) -> Callable[[GraphModel], Distillation] | None:
    """Returns the function that makes the losses of a student against its teacher; ``None`` without such losses.

    The function draws no numbers from the random state of the training: a student has the same first weights and
    the same dropout as if it was trained alone.

    Args:
        config: A resolved configuration.
        dataset: The data set of the student.
        split: The split it is trained on.
        device: The device of the student.
        teacher: The teacher, if it is known; by default the one that the configuration names.

    Raises:
        FileNotFoundError: If the folder of the teacher is not a run.
        ValueError: If the teacher has not ended, was trained on other data, or a layer does not exist.
    """
    if not config.get("distill"):
        return None

    def make(student: GraphModel) -> Distillation:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            fit = teacher or load_teacher(open_run(config["distill"]["teacher"]), config, dataset)
            return Distillation(config, dataset, split, student, device, fit.model, fit.dataset)

    return make


def load_teacher(run: RunFolder, config: dict[str, Any], dataset: GraphDataset) -> RunFolder:
    """Returns the fit of a run that teaches: that of the same seed and split, else the best one on the same split.

    Raises:
        ValueError: If the run has not ended, or was trained on other data or splits.
    """
    if not run.result:
        remedy = f"continue it with: graphkit train --resume {run.path}"
        raise InputError(f"the teacher '{run.path}' has not ended; {remedy}")
    expected, theirs = ({**settings["data"], **dict.fromkeys(_FREE)} for settings in (config, run.config))
    for key in ("name", *expected, *theirs):
        if expected.get(key) != theirs.get(key):
            what = "another data set" if key == "name" else f"other data (`data.{key}`)"
            raise InputError(
                f"the teacher '{run.path}' was trained on {what}: {theirs.get(key)} (the student's is "
                f"{expected.get(key)}); take a teacher of the same data and split, or else it may know the test items"
            )
    drawn = "seed" in data.options(config["data"]["name"]) and config["data"].get("seed") is None
    fold = _fold(config, dataset)
    fits = [fit for fit in run.fits if _fold(fit.config, dataset) == fold]
    fits = [fit for fit in fits if not drawn or fit.config["seed"] == config["seed"]]
    if not fits:
        what = f"data drawn with the seed {config['seed']}" if drawn else f"the split {fold}"
        raise InputError(f"the teacher '{run.path}' has no fit on {what}; train it with as many runs as the student")
    same = [fit for fit in fits if fit.config["seed"] == config["seed"]]
    teacher = same[0] if same else max(fits, key=_validation)
    if _shaped(teacher.config) == _shaped(config):
        teacher.dataset = dataset
    elif dataset.holds == "skeleton clips":
        raise InputError(f"the teacher '{run.path}' sees another stream of the clips; set `data.stream` alike")
    elif not dataset.is_single_graph:
        raise InputError(
            f"the teacher '{run.path}' reads other graphs: its `data.transforms` are "
            f"{teacher.config['data']['transforms']} (the student's are {config['data']['transforms']}); set them alike"
        )
    return teacher


def _validation(fit: RunFolder) -> float:
    """Returns the validation score, such that the larger is the better one."""
    mean = (fit.result.get("validation") or {}).get("mean", 0.0)
    return -mean if fit.result.get("metric") == "mae" else mean


def _fold(config: dict[str, Any], dataset: GraphDataset) -> int:
    return (config["data"]["fold"] or 0) % len(dataset.splits)


def _shaped(config: dict[str, Any]) -> dict[str, Any]:
    """Returns all that the graphs themselves depend on."""
    return {key: value for key, value in config["data"].items() if key not in ("root", "fold")}
