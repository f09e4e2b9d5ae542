"""Task of a fit, with the statistics of its training items."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.data.loading import item_targets
from graphkit.errors import InputError
from graphkit.screen import shown
from graphkit.tasks import Classification, Regression, Task, make_task
from graphkit.training.train_config import TrainSettings


def fit_task(
    dataset: GraphDataset, split: Split, settings: TrainSettings | None = None, training: bool = False
) -> Task:
    """Returns the task of a fit.

    The targets of a regression are standardized by mean and deviation of the training items, unless
    ``settings.standardize`` is ``False``. Balanced class weights are those of the training items.

    Args:
        dataset: The data set.
        split: Split of the fit.
        settings: Settings of the training; ``None`` for the defaults.
        training: If ``True``, the task has the settings that apply to the training loss only: label smoothing and class
            weights.

    Raises:
        InputError: If the task does not support the metric, label smoothing or class weights.
    """
    settings = settings or TrainSettings()
    smoothing = settings.label_smoothing if training else 0.0
    task = make_task(dataset.task, settings.metric or dataset.metric, smoothing)
    if dataset.level == "link" and not task.has_score(dataset.targets()):
        raise InputError(f"`train.metric` {task.metric} is undefined without hard negatives; set data.hard_negatives")
    if isinstance(task, Regression) and settings.standardize:
        task.standardize(item_targets(dataset, split.train).view(-1, dataset.num_outputs))
    if training and settings.class_weight is not None:
        if not isinstance(task, Classification):
            what = f"got {shown(settings.class_weight)} for {dataset.task}"
            raise InputError(f"`train.class_weight` is for tasks with one class per item ({what}); leave it out")
        y = item_targets(dataset, split.train).view(-1)
        task.class_weight = _class_weight(settings.class_weight, y, dataset)
    return task


def _class_weight(given: str | Sequence[float] | Mapping[str, float], y: Tensor, dataset: GraphDataset) -> Tensor:
    """Returns the weight ``[C]`` of each class, of mean one over training items.

    Balanced weights are those of scikit-learn, the number of items over the number of classes in ``y`` times that of
    the items of the class. A class without training items has weight zero, which has no effect.

    Args:
        given: Setting ``train.class_weight``.
        y: Classes of the training items.
        dataset: The data set.

    Raises:
        InputError: If there is not one weight per class.
    """
    counts = torch.bincount(y, minlength=dataset.num_outputs).double()
    names = dataset.class_names or tuple(str(index) for index in range(dataset.num_outputs))
    if isinstance(given, str):
        weights = (counts > 0) / counts.clamp(min=1)
    elif isinstance(given, Mapping):
        wrong = [name for name in (*given, *names) if name not in given or name not in names]
        if wrong:
            remedy = f"name each of the {len(names)} classes once: {shown(', '.join(names))}"
            problem = "is not a class" if wrong[0] in given else "has no weight"
            raise InputError(
                f"`train.class_weight` must have one number per class ({shown(wrong[0])} {problem}); {remedy}"
            )
        weights = torch.tensor([given[name] for name in names], dtype=torch.float64)
    else:
        if len(given) != len(names):
            what = f"got {len(given)} for {len(names)} classes: {shown(', '.join(names))}"
            raise InputError(f"`train.class_weight` must have one number per class ({what})")
        weights = torch.tensor(given, dtype=torch.float64)
    return weights * y.numel() / (weights * counts).sum()
