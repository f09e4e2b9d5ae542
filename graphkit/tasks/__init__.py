"""Tasks, one per file: the loss, the metric and what a prediction is."""

from graphkit.errors import InputError
from graphkit.registry import unknown_name
from graphkit.tasks.graph_classification import GraphClassification
from graphkit.tasks.graph_regression import GraphRegression
from graphkit.tasks.multilabel_node_classification import MultiLabelNodeClassification
from graphkit.tasks.multitask_graph_classification import MultiTaskGraphClassification
from graphkit.tasks.node_classification import NodeClassification
from graphkit.tasks.skeleton_classification import SkeletonClassification
from graphkit.tasks.task import Classification, Task

_TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        GraphClassification,
        GraphRegression,
        MultiLabelNodeClassification,
        MultiTaskGraphClassification,
        NodeClassification,
        SkeletonClassification,
    )
}


def make_task(name: str, metric: str = "", label_smoothing: float = 0.0) -> Task:
    """Returns the task of the given name, with its usual metric or the one that is named.

    With ``label_smoothing``, that share of every target is spread over all classes, where there are classes.

    Raises:
        ValueError: If there is no such task or the metric does not belong to it.
    """
    if name not in _TASKS:
        raise unknown_name("task", name, _TASKS)
    task = _TASKS[name](metric)
    if label_smoothing:
        if not isinstance(task, Classification):
            what = f"got {label_smoothing} for {name}"
            raise InputError(f"`train.label_smoothing` is for tasks with one class per item ({what}); leave it out")
        task.label_smoothing = label_smoothing
    return task


__all__ = [
    "GraphClassification",
    "GraphRegression",
    "MultiLabelNodeClassification",
    "MultiTaskGraphClassification",
    "NodeClassification",
    "SkeletonClassification",
    "Task",
    "make_task",
]
