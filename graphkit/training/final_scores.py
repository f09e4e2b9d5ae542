"""Scores of a fit on its test items."""

from typing import cast

from torch import Tensor

from graphkit.data import GraphDataset, Split
from graphkit.data.link_dataset import LinkDataset
from graphkit.metrics.confusion_counts import logits_confusion
from graphkit.metrics.floors import regression_floors
from graphkit.metrics.link_floors import link_heuristics
from graphkit.tasks import Classification, Task
from graphkit.training.run_result import TaskScores, class_rows


def final_scores(task: Task, output: Tensor, y: Tensor, dataset: GraphDataset) -> TaskScores:
    """Computes all metrics of a task, and the scores of each class if it has any.

    Args:
        task: The task.
        output: ``[B, C]``, outputs of all test items.
        y: Their targets.
        dataset: Data set with the names of the classes.
    """
    result: TaskScores = {"scores": task.scores(output, y)}
    if isinstance(task, Classification):
        confusion, count = logits_confusion(output, y)
        names = dataset.class_names or tuple(str(index) for index in range(dataset.num_outputs))
        result["classes"] = class_rows(confusion, count, names)
        result["confusion"] = confusion.tolist()
    return result


def floor_scores(task: Task, dataset: GraphDataset, split: Split) -> dict[str, dict[str, float | None]]:
    """Computes the test scores of predictions without training, by name and metric.

    They are :func:`~graphkit.metrics.floors.regression_floors`, or
    :func:`~graphkit.metrics.link_floors.link_heuristics` of links; empty for other tasks.
    """
    if dataset.level != "link":
        return regression_floors(dataset, split)
    links = cast(LinkDataset, dataset)
    scores = link_heuristics(links.graphs[0], links.pairs[:, split.test])
    return {name: task.scores(score, links.labels[split.test]) for name, score in scores.items()}
