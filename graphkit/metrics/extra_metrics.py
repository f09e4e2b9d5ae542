"""Registry of extra metrics.

Extra metrics are scores in addition to the metric of the task, selected by ``extra_metrics`` of a model.
"""

from typing import Protocol

from graphkit.data import GraphDataset, Split
from graphkit.metrics.factor_quality import factor_metrics
from graphkit.nn import GraphModel


class ExtraMetrics(Protocol):
    """Function that computes extra metrics of a trained model."""

    def __call__(
        self, model: GraphModel, untrained: GraphModel, dataset: GraphDataset, split: Split
    ) -> dict[str, float | None]:
        """Computes scores by name; empty if the data set does not support them.

        Args:
            model (GraphModel): Trained model.
            untrained (GraphModel): The model with its initial weights, as a baseline.
            dataset (GraphDataset): Data set.
            split (Split): Split of the training run; scores are computed on its test items.
        """


#: Extra metrics by name.
EXTRA_METRICS: dict[str, ExtraMetrics] = {"factors": factor_metrics}


def extra_metrics(
    model: GraphModel, untrained: GraphModel, dataset: GraphDataset, split: Split
) -> dict[str, float | None]:
    """Computes all extra metrics of a model, see :class:`ExtraMetrics`."""
    scores: dict[str, float | None] = {}
    for name in model.extra_metrics:
        scores |= EXTRA_METRICS[name](model, untrained, dataset, split)
    return scores
