"""Node classification: one class for each node."""

from graphkit.tasks.task import Classification


class NodeClassification(Classification):
    """One class for each node."""

    name = "node-classification"
