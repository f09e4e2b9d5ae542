"""Extra metrics: scores in addition to the metric of the task, which a model names in ``extra_metrics``."""

from typing import Protocol

from graphkit.data import GraphDataset, Split
from graphkit.metrics.factor_quality import factor_metrics
from graphkit.nn import GraphModel


class ExtraMetrics(Protocol):
    """Function that computes extra metrics of a trained model."""

    def __call__(
        self, model: GraphModel, untrained: GraphModel, dataset: GraphDataset, split: Split
    ) -> dict[str, float | None]:
        """Computes scores by name; empty where the data set does not have what they need.

        Args:
            model (GraphModel): Trained model.
            untrained (GraphModel): The same model with its initial weights, as a baseline.
            dataset (GraphDataset): Data set.
            split (Split): Split that the model was trained on; the scores are those of its test items.
        """


#: Functions by the names that models use.
EXTRA_METRICS: dict[str, ExtraMetrics] = {"factors": factor_metrics}


def extra_metrics(
    model: GraphModel, untrained: GraphModel, dataset: GraphDataset, split: Split
) -> dict[str, float | None]:
    """Computes all extra metrics that a model names; arguments as for :class:`ExtraMetrics`."""
    scores: dict[str, float | None] = {}
    for name in model.extra_metrics:
        scores |= EXTRA_METRICS[name](model, untrained, dataset, split)
    return scores
