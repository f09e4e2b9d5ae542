"""Test scores of predictions without a network on the data set ``chickenpox``.

Run it with ``GRAPHKIT_DATA=DIR python benchmarks/data/chickenpox_floors.py``: it prints MAE, RMSE and R2 of the
training mean, of the last value, of the seasonal value (the one 52 weeks before) and of a linear regression on the
lags, which are fitted on the training weeks.
"""

import torch
from torch import Tensor

from graphkit.data import load
from graphkit.data.loading import item_targets
from graphkit.metrics.floors import REGRESSION_METRICS, last_values, regression_floors

#: Weeks of a season.
SEASON = 52


def main() -> None:
    """Prints the table."""
    dataset = load("chickenpox")
    split = dataset.splits[0]
    y = item_targets(dataset, split.test).double()
    floors = regression_floors(dataset, split)
    seasonal = last_values(dataset, split.test, SEASON)
    assert seasonal is not None
    lags, train_y = dataset.graphs.batch(split.train).x, item_targets(dataset, split.train)  # type: ignore[attr-defined]
    weights = torch.linalg.lstsq(with_one(lags), train_y.double()).solution
    linear = with_one(dataset.graphs.batch(split.test).x) @ weights  # type: ignore[attr-defined]
    for name, prediction in (("seasonal", seasonal), ("linear", linear)):
        floors[name] = {metric: score(prediction, y) for metric, score in REGRESSION_METRICS.items()}
    print("| prediction | " + " | ".join(REGRESSION_METRICS) + " |")
    print("|---|" + "---|" * len(REGRESSION_METRICS))
    for name, scores in floors.items():
        print(f"| {name} | " + " | ".join(f"{scores[metric]:.3f}" for metric in REGRESSION_METRICS) + " |")


def with_one(x: Tensor) -> Tensor:
    """Returns the features with a column of ones."""
    return torch.cat([x, torch.ones_like(x[:, :1])], dim=1).double()


if __name__ == "__main__":
    main()
