"""Multi-label node classification: any number of labels for each node."""

from graphkit.tasks.task import MultiLabel


class MultiLabelNodeClassification(MultiLabel):
    """Any number of labels for each node."""

    name = "multilabel-node-classification"
