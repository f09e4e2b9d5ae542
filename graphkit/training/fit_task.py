"""Task of a fit, with the statistics of its training items."""

from graphkit.data import GraphDataset, Split
from graphkit.data.loading import item_targets
from graphkit.tasks import Regression, Task, make_task
from graphkit.training.train_config import TrainSettings


def fit_task(
    dataset: GraphDataset, split: Split, settings: TrainSettings | None = None, training: bool = False
) -> Task:
    """Returns the task of a fit.

    The targets of a regression are standardized by mean and deviation of the training items, unless
    ``settings.standardize`` is ``False``.

    Args:
        dataset: The data set.
        split: Split of the fit.
        settings: Settings of the training; ``None`` for the defaults.
        training: If ``True``, the task has the settings that apply to the training loss only, such as label smoothing.

    Raises:
        InputError: If the task does not support the metric or label smoothing.
    """
    settings = settings or TrainSettings()
    smoothing = settings.label_smoothing if training else 0.0
    task = make_task(dataset.task, settings.metric or dataset.metric, smoothing)
    if isinstance(task, Regression) and settings.standardize:
        task.standardize(item_targets(dataset, split.train).view(-1, dataset.num_outputs))
    return task
