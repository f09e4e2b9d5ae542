"""Scores of a fit on its test items."""

from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.metrics.confusion_counts import logits_confusion
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
