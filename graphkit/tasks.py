"""Tasks: loss, metrics and prediction for each kind of target."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    class_roc_auc,
    class_weights,
    hits_at,
    macro_f1,
    mae,
    mean_average_precision,
    mean_reciprocal_rank,
    micro_f1,
    r2,
    rmse,
    roc_auc,
    topk_accuracy,
)
from graphkit.metrics.r2 import varying
from graphkit.ops._segments import widen
from graphkit.registry import unknown_name

__all__ = [
    "GraphClassification",
    "GraphRegression",
    "LinkPrediction",
    "MultiLabelNodeClassification",
    "MultiTaskGraphClassification",
    "NodeClassification",
    "NodeRegression",
    "Regression",
    "SkeletonClassification",
    "Task",
    "make_task",
    "maximizes",
]

METRICS: dict[str, Callable[[Tensor, Tensor], Tensor | float]] = {
    "accuracy": accuracy,
    "average-precision": mean_average_precision,
    "balanced-accuracy": balanced_accuracy,
    "macro-f1": macro_f1,
    "mae": mae,
    "micro-f1": micro_f1,
    "r2": r2,
    "rmse": rmse,
    "roc-auc": roc_auc,
    "top-5-accuracy": partial(topk_accuracy, k=5),
}


#: Metrics for which smaller is better.
_ERRORS = ("mae", "rmse")


def maximizes(metric: str) -> bool:
    """Returns whether larger values of a metric are better.

    Args:
        metric (str): Name of the metric.

    Example:
        >>> maximizes("accuracy"), maximizes("mae")
        (True, False)
    """
    return metric not in _ERRORS


class Task(ABC):
    """Base class of tasks, which join loss, metric and prediction.

    Args:
        metric (str, optional): Name of the metric. (default: the first of ``metrics``)

    Raises:
        InputError: If the task does not support the metric.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    #: Condition of items for which :meth:`has_score` is false, in messages.
    undefined: ClassVar[str] = "whose labels have one class only"

    def __init__(self, metric: str = "") -> None:
        self.metric = metric or self.metrics[0]
        if self.metric not in self.metrics:
            raise unknown_name(f"metric for {self.name}", self.metric, self.metrics)

    @property
    def maximize(self) -> bool:
        """``True`` if larger values of the metric are better."""
        return maximizes(self.metric)

    @property
    def looks_around(self) -> bool:
        """``True`` if the loss of an item depends on other targets of its batch."""
        return False

    @abstractmethod
    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Computes the mean loss of the outputs against the targets.

        Args:
            output (Tensor): ``[B, C]``, outputs.
            y (Tensor): ``[B]`` or ``[B, C]``, targets.
            among (Tensor, optional): Targets of the full batch, if ``y`` is a slice of it. (default: ``None``)
        """

    @abstractmethod
    def weight(self, y: Tensor) -> int:
        """Returns the number of terms in the mean of :meth:`loss`."""

    def share(self, y: Tensor, among: Tensor | None = None) -> float:
        """Returns the denominator of :meth:`loss`: the weight of a slice of a batch.

        Args:
            y (Tensor): Targets of the slice.
            among (Tensor, optional): Targets of the full batch. (default: ``None``)
        """
        return float(self.weight(y))

    @abstractmethod
    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns predictions and probabilities (for regression, the values twice).

        Args:
            output (Tensor): ``[B, C]``, outputs.
        """

    def score(self, output: Tensor, y: Tensor, metric: str = "") -> float:
        """Computes the metric of all outputs against all targets, as a fraction.

        Args:
            output (Tensor): ``[B, C]``, outputs.
            y (Tensor): ``[B]`` or ``[B, C]``, targets.
            metric (str, optional): Name of another metric of the task. (default: that of the task)
        """
        return float(METRICS[metric or self.metric](output, y))

    def scores(self, output: Tensor, y: Tensor) -> dict[str, float | None]:
        """Computes all metrics of the task, ``None`` if undefined."""
        scores = {metric: self.score(output, y, metric) for metric in self.metrics}
        return {metric: score if math.isfinite(score) else None for metric, score in scores.items()}

    def has_score(self, y: Tensor) -> bool:
        """Returns whether :meth:`score` is defined for the targets, for any outputs."""
        return True


class Classification(Task):
    """Single-label classification with cross-entropy; targets are ``[B]`` int64."""

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "balanced-accuracy", "macro-f1", "roc-auc")
    #: Label smoothing of the cross-entropy.
    label_smoothing = 0.0
    #: Weight ``[C]`` of the loss of an item by its class; ``None`` for equal weights, or those of the metric.
    class_weight: Tensor | None = None

    @property
    def looks_around(self) -> bool:
        """``True`` if the loss is weighted by the class frequencies of the batch."""
        return self.metric == "balanced-accuracy" and self.class_weight is None

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Computes the cross-entropy, weighted by class for the balanced accuracy.

        With :attr:`class_weight`, it is the mean over all items of weight times cross-entropy. The divisor is the
        number of items, not the sum of their weights, so that the weights also count in batches of a single class.
        """
        output = widen(output)
        if self.class_weight is not None:
            self.class_weight = self.class_weight.to(y.device)
            terms = torch.nn.functional.cross_entropy(output, y, reduction="none", label_smoothing=self.label_smoothing)
            return (terms * self.class_weight[y].to(terms.dtype)).mean()
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
        """Returns the class weights, or ``None`` for equal weights."""
        if not self.looks_around:
            return None
        weight = class_weights(y, num_classes)
        return weight if float(weight.sum()) > 0 else None  # undefined for a batch of a single class

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the most probable class ``[B]`` and the probabilities ``[B, C]``."""
        return output.argmax(dim=-1), output.softmax(dim=-1)

    def score(self, output: Tensor, y: Tensor, metric: str = "") -> float:
        """Computes the metric; the ROC-AUC is that of one class against the rest."""
        return class_roc_auc(output, y) if (metric or self.metric) == "roc-auc" else super().score(output, y, metric)

    def has_score(self, y: Tensor) -> bool:
        """Returns whether there are two classes, which ROC-AUC requires."""
        return self.metric != "roc-auc" or bool((y != y[:1]).any())


class MultiLabel(Task):
    """Multi-label classification with binary cross-entropy.

    Targets are ``[B, C]`` float, with NaN for missing labels.
    """

    metrics: ClassVar[tuple[str, ...]] = ("micro-f1", "roc-auc")

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Computes the binary cross-entropy over the labels that are not missing."""
        mask = ~y.isnan()
        if not bool(mask.any()):
            return output.sum() * 0  # zero loss with zero gradients
        output = widen(output)
        return torch.nn.functional.binary_cross_entropy_with_logits(output[mask], y[mask].to(output.dtype))

    def weight(self, y: Tensor) -> int:
        """Returns the number of labels that are not missing."""
        return int((~y.isnan()).sum())

    def has_score(self, y: Tensor) -> bool:
        """Returns whether any label has both classes, which all metrics but F1 require."""
        return self.metric == "micro-f1" or bool(((y == 0).any(dim=0) & (y == 1).any(dim=0)).any())

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the predicted labels ``[B, C]`` and their probabilities ``[B, C]``."""
        return (output > 0).long(), output.sigmoid()


class NodeClassification(Classification):
    """Single-label classification of nodes."""

    name = "node-classification"


class GraphClassification(Classification):
    """Single-label classification of graphs."""

    name = "graph-classification"


class Regression(Task):
    """Regression with targets ``[B, C]`` float, with NaN for missing values.

    The loss is the mean absolute error if this is the metric, else the mean squared error. After :meth:`standardize`,
    the outputs are in units of standardized targets, while predictions and scores are in units of the data.
    """

    metrics: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2")
    undefined: ClassVar[str] = "whose targets do not have two different values"
    #: Mean and deviation ``[C]`` of the training targets; ``None`` without standardization.
    mean: Tensor | None = None
    std: Tensor | None = None

    def standardize(self, y: Tensor) -> None:
        """Sets mean and deviation per target; the deviation of a constant target is 1.

        Args:
            y (Tensor): ``[N, C]``, targets of the training items.
        """
        y = y.double()
        self.mean = y.nanmean(dim=0).nan_to_num()
        std = (y - self.mean).square().nanmean(dim=0).sqrt()
        self.std = torch.where(varying(y), std, 1.0)

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Computes the mean absolute or squared error over the known values."""
        output = widen(output)
        y = y.view_as(output)
        if self.mean is not None and self.std is not None:
            y = (y - self.mean.to(y.device)) / self.std.to(y.device)
        mask = ~y.isnan()
        if not bool(mask.any()):
            return output.sum() * 0  # zero loss with zero gradients
        loss = torch.nn.functional.l1_loss if self.metric == "mae" else torch.nn.functional.mse_loss
        return loss(output[mask], y[mask].to(output.dtype))

    def weight(self, y: Tensor) -> int:
        """Returns the number of values that are not missing."""
        return int((~y.isnan()).sum())

    def has_score(self, y: Tensor) -> bool:
        """Returns whether there is a value, or two different values of a target for R2."""
        return bool((varying(y.view(y.size(0), -1)) if self.metric == "r2" else ~y.isnan()).any())

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the values in units of the data, both as predictions and as values."""
        if self.mean is not None and self.std is not None:
            output = (output * self.std.to(output.device) + self.mean.to(output.device)).to(widen(output).dtype)
        return output, output

    def score(self, output: Tensor, y: Tensor, metric: str = "") -> float:
        """Computes the metric of all outputs in units of the data."""
        return super().score(self.predict(output)[0], y, metric)


class NodeRegression(Regression):
    """Regression of nodes."""

    name = "node-regression"


class GraphRegression(Regression):
    """Regression of graphs."""

    name = "graph-regression"


class MultiLabelNodeClassification(MultiLabel):
    """Multi-label classification of nodes."""

    name = "multilabel-node-classification"


class MultiTaskGraphClassification(MultiLabel):
    """Binary classification of graphs in several tasks, with NaN for missing labels."""

    name = "multitask-graph-classification"
    metrics = ("roc-auc", "micro-f1", "average-precision")


class SkeletonClassification(Classification):
    """Action classification of skeleton clips."""

    name = "skeleton-classification"
    metrics = ("accuracy", "balanced-accuracy", "macro-f1", "roc-auc", "top-5-accuracy")

    def score(self, output: Tensor, y: Tensor, metric: str = "") -> float:
        """Computes the metric; NaN for the top-5 accuracy of fewer than five classes."""
        undefined = metric == "top-5-accuracy" and output.size(1) < 5
        return math.nan if undefined else super().score(output, y, metric)


class LinkPrediction(Task):
    """Prediction of edges with binary cross-entropy.

    Targets are ``[B, 2]`` int64: 1 for an edge and 0 for none, and the group, see
    :class:`~graphkit.data.link_dataset.LinkDataset`. Outputs are logits ``[B]``. Metrics are those of edges against
    random negatives; ``"hard-..."`` those of each edge against the hard negatives of its group.
    """

    name = "link-prediction"
    metrics = ("roc-auc", "average-precision", "mrr", "hits@10", "hits@50", "hard-mrr", "hard-hits@10")
    undefined: ClassVar[str] = "which have no hard negatives"

    def loss(self, output: Tensor, y: Tensor, among: Tensor | None = None) -> Tensor:
        """Computes the mean binary cross-entropy of edges and random negatives."""
        mask = _random_pairs(y)
        if not bool(mask.any()):
            return output.sum() * 0  # zero loss with zero gradients
        output = widen(output)
        labels = y[mask, 0].to(output.dtype)
        return torch.nn.functional.binary_cross_entropy_with_logits(output[mask], labels)

    def weight(self, y: Tensor) -> int:
        """Returns the number of edges and random negatives."""
        return int(_random_pairs(y).sum())

    def predict(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the predicted labels ``[B]`` and the probabilities of an edge ``[B]``."""
        return (output > 0).long(), output.sigmoid()

    def score(self, output: Tensor, y: Tensor, metric: str = "") -> float:
        """Computes a metric of edges against random or hard negatives."""
        name, hard = (metric or self.metric).removeprefix("hard-"), (metric or self.metric).startswith("hard-")
        mask = y[:, 1] >= 0 if hard else _random_pairs(y)
        scores, labels, group = output[mask].double(), y[mask, 0] == 1, y[mask, 1] if hard else None
        if name == "roc-auc":
            return roc_auc(scores, labels.double()) if labels.numel() else math.nan
        if name == "average-precision":
            return average_precision(scores, labels)
        if name == "mrr":
            return mean_reciprocal_rank(scores, labels, group)
        return hits_at(scores, labels, int(name.removeprefix("hits@")), group)

    def has_score(self, y: Tensor) -> bool:
        """Returns whether there are hard negatives, if the metric needs them."""
        return not self.metric.startswith("hard-") or bool(((y[:, 0] == 0) & (y[:, 1] >= 0)).any())


def _random_pairs(y: Tensor) -> Tensor:
    """Returns the mask of edges and random negatives."""
    return (y[:, 0] == 1) | (y[:, 1] < 0)


_TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        GraphClassification,
        GraphRegression,
        LinkPrediction,
        MultiLabelNodeClassification,
        MultiTaskGraphClassification,
        NodeClassification,
        NodeRegression,
        SkeletonClassification,
    )
}


def make_task(name: str, metric: str = "", label_smoothing: float = 0.0) -> Task:
    """Creates a task by name.

    Args:
        name (str): Name of the task, such as ``"node-classification"``.
        metric (str, optional): Name of the metric. (default: the first metric of the task)
        label_smoothing (float, optional): Label smoothing, for single-label classification. (default: ``0.0``)

    Raises:
        InputError: If the task does not exist, or does not support the metric or label smoothing.

    Example:
        >>> make_task("node-classification").metric
        'accuracy'
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
