"""Graph classification: one class for each graph."""

from graphkit.tasks.task import Classification


class GraphClassification(Classification):
    """One class for each graph."""

    name = "graph-classification"
