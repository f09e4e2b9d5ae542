"""Multi-task graph classification: several yes-or-no questions for each graph, of which some answers are missing."""

from graphkit.tasks.task import MultiLabel


class MultiTaskGraphClassification(MultiLabel):
    """Several yes-or-no questions for each graph; NaN marks an answer that is missing."""

    name = "multitask-graph-classification"
    metrics = ("roc-auc", "micro-f1")
