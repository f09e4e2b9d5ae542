"""Tasks: the loss, the metrics and the form of a prediction of each kind of target."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics import accuracy, balanced_accuracy, class_weights, mae, micro_f1, roc_auc, topk_accuracy
from graphkit.ops._segments import widen
from graphkit.registry import unknown_name

__all__ = [
    "GraphClassification",
    "GraphRegression",
    "MultiLabelNodeClassification",
    "MultiTaskGraphClassification",
    "NodeClassification",
    "SkeletonClassification",
    "Task",
    "make_task",
    "maximizes",
]

METRICS: dict[str, Callable[[Tensor, Tensor], Tensor | float]] = {
    "accuracy": accuracy,
    "balanced-accuracy": balanced_accuracy,
    "mae": mae,
    "micro-f1": micro_f1,
    "roc-auc": roc_auc,
    "top-5-accuracy": partial(topk_accuracy, k=5),
}


#: Metrics of which a smaller value is the better one.
_ERRORS = ("mae",)


def maximizes(metric: str) -> bool:
    """Returns whether a larger value of a metric is the better one."""
    return metric not in _ERRORS


class Task(ABC):
    """What is to be learned from the outputs of a model.

    Args:
        metric: Name of the score; empty for the usual one of the task.

    Raises:
        ValueError: If the metric does not exist or does not belong to the task.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]

    def __init__(self, metric: str = "") -> None:
        self.metric = metric or self.metrics[0]
        if self.metric not in self.metrics:
            raise unknown_name(f"metric for {self.name}", self.metric, self.metrics)

    @property
    def maximize(self) -> bool:
        """Whether a larger score is the better one."""
        return maximizes(self.metric)

    @property
    def looks_around(self) -> bool:
        """Whether the loss of an item depends on the other targets of its batch."""
        return False

    @abstractmethod
    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Returns the mean loss of the outputs ``[B, C]`` against the targets.

        Args:
            output: The outputs.
            y: The targets.
            among: The targets of the whole batch, if these are a part of it.
        """

    @abstractmethod
    def weight(self, y: Tensor) -> int:
        """Returns the number of terms that :meth:`loss` averages over, to average it again over batches."""

    def share(self, y: Tensor, among: Tensor | None = None) -> float:
        """Returns what :meth:`loss` divides by: of the parts of a batch, each counts by this."""
        return float(self.weight(y))

    @abstractmethod
    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns predictions ``[B]`` or ``[B, C]`` and, beside them, probabilities ``[B, C]`` (or the values)."""

    def score(self, output: Tensor, y: Tensor) -> float:
        """Returns the metric of all outputs against all targets, as a fraction."""
        return float(METRICS[self.metric](output, y))

    def has_score(self, y: Tensor) -> bool:
        """Returns whether :meth:`score` is defined for targets, whatever the outputs."""
        return True


class Classification(Task):
    """One class out of several, by cross-entropy; targets are ``[B]`` int64."""

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "balanced-accuracy")
    #: Share of every target that is spread over all classes.
    label_smoothing = 0.0

    @property
    def looks_around(self) -> bool:
        """Whether classes are weighted by how often they come in the batch."""
        return self.metric == "balanced-accuracy"

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Returns the cross-entropy; weighted by class where the metric is the balanced accuracy."""
        output = widen(output)
        weight = self._weights(y if among is None else among, output.size(-1))
        weight = None if weight is None else weight.to(output.dtype)
        return torch.nn.functional.cross_entropy(output, y, weight=weight, label_smoothing=self.label_smoothing)

    def weight(self, y: Tensor) -> int:
        """Returns the number of targets."""
        return y.size(0)

    def share(self, y: Tensor, among: Tensor | None = None) -> float:
        """Returns the number of targets, or the sum of their weights."""
        among = y if among is None else among
        weight = self._weights(among, int(among.max()) + 1 if among.numel() else 1)
        return float(y.size(0) if weight is None else weight[y].sum())

    def _weights(self, y: Tensor, num_classes: int) -> Tensor | None:
        """Returns the weights of the classes, if they differ."""
        if not self.looks_around:
            return None
        weight = class_weights(y, num_classes)
        return weight if float(weight.sum()) > 0 else None  # a batch of a single class has nothing to balance

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the most probable class ``[B]`` and the probabilities ``[B, C]``."""
        return output.argmax(dim=-1), output.softmax(dim=-1)


class MultiLabel(Task):
    """Any number of labels at once, by binary cross-entropy; targets are ``[B, C]`` float, NaN where one is missing."""

    metrics = ("micro-f1", "roc-auc")

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Returns the binary cross-entropy over the labels that are known."""
        mask = ~y.isnan()
        if not bool(mask.any()):
            return output.sum() * 0  # nothing to learn from, and nothing that would spoil the rest
        output = widen(output)
        return torch.nn.functional.binary_cross_entropy_with_logits(output[mask], y[mask].to(output.dtype))

    def weight(self, y: Tensor) -> int:
        """Returns the number of known labels."""
        return int((~y.isnan()).sum())

    def has_score(self, y: Tensor) -> bool:
        """Returns whether a label has both classes, which ROC-AUC needs."""
        return self.metric != "roc-auc" or bool(((y == 0).any(dim=0) & (y == 1).any(dim=0)).any())

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the labels ``[B, C]`` whose logit is positive, and the probabilities ``[B, C]``."""
        return (output > 0).long(), output.sigmoid()


class NodeClassification(Classification):
    """One class for each node."""

    name = "node-classification"


class GraphClassification(Classification):
    """One class for each graph."""

    name = "graph-classification"


class GraphRegression(Task):
    """One or several numbers for each graph, by the absolute error; targets are ``[B, C]`` float."""

    name = "graph-regression"
    metrics = ("mae",)

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Returns the mean absolute error."""
        output = widen(output)
        return torch.nn.functional.l1_loss(output, y.view_as(output).to(output.dtype))

    def weight(self, y: Tensor) -> int:
        """Returns the number of targets."""
        return y.numel()

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the outputs, which are the predictions themselves."""
        return output, output


class MultiLabelNodeClassification(MultiLabel):
    """Any number of labels for each node."""

    name = "multilabel-node-classification"


class MultiTaskGraphClassification(MultiLabel):
    """Several yes-or-no questions for each graph; NaN marks an answer that is missing."""

    name = "multitask-graph-classification"
    metrics = ("roc-auc", "micro-f1")


class SkeletonClassification(Classification):
    """One action for each clip."""

    name = "skeleton-classification"
    metrics = ("accuracy", "balanced-accuracy", "top-5-accuracy")


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
