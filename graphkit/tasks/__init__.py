"""Tasks, one per file: the loss, the metric and what a prediction is."""

from graphkit.registry import unknown_name
from graphkit.tasks.graph_classification import GraphClassification
from graphkit.tasks.graph_regression import GraphRegression
from graphkit.tasks.multilabel_node_classification import MultiLabelNodeClassification
from graphkit.tasks.multitask_graph_classification import MultiTaskGraphClassification
from graphkit.tasks.node_classification import NodeClassification
from graphkit.tasks.task import Task

_TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        GraphClassification,
        GraphRegression,
        MultiLabelNodeClassification,
        MultiTaskGraphClassification,
        NodeClassification,
    )
}


def make_task(name: str, metric: str = "") -> Task:
    """Returns the task of the given name, with its usual metric or the one that is named.

    Raises:
        ValueError: If there is no such task or the metric does not belong to it.
    """
    if name not in _TASKS:
        raise unknown_name("task", name, _TASKS)
    return _TASKS[name](metric)


__all__ = [
    "GraphClassification",
    "GraphRegression",
    "MultiLabelNodeClassification",
    "MultiTaskGraphClassification",
    "NodeClassification",
    "Task",
    "make_task",
]
