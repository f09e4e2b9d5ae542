"""One rule for all metrics: outputs that are not finite are never hits."""

import math

import pytest
import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.metrics import (
    accuracy,
    balanced_accuracy,
    class_weights,
    mae,
    micro_f1,
    mixture_weights,
    roc_auc,
    saturated_share,
    segment_auc,
    topk_accuracy,
)
from graphkit.tasks import METRICS, make_task

NAN, INF = math.nan, math.inf
Y = torch.tensor([0, 0, 0, 0, 1, 2])
SCORES = torch.tensor([[2.0, 1, 0], [1, 0, 2], [3, 1, 2], [1, 0, 0], [0, 1, 0], [1, 0, 2]])


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("metric", [accuracy, balanced_accuracy, lambda out, y: topk_accuracy(out, y, 3)])
def test_classes_of_a_model_that_has_diverged(metric: object, bad: float) -> None:
    assert metric(torch.full((6, 3), bad), Y) == 0  # type: ignore[operator]


@pytest.mark.parametrize("metric", [accuracy, lambda out, y: topk_accuracy(out, y, 2)])
def test_a_row_counts_by_itself(metric: object) -> None:
    before = metric(SCORES, Y)  # type: ignore[operator]
    for value in (NAN, INF):
        out = SCORES.clone()
        out[0, 0] = value  # the true class of the first row, which was a hit
        assert metric(out, Y) == pytest.approx(before - 1 / 6)  # type: ignore[operator]
    out = SCORES.clone()
    out[0, 2] = NAN
    assert metric(out, Y) == pytest.approx(before - 1 / 6)  # type: ignore[operator]
    out[0, 2] = -INF  # a mask
    assert metric(out, Y) == pytest.approx(before)  # type: ignore[operator]


def test_labels() -> None:
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, NAN]])
    right = torch.tensor([[3.0, -3], [-3, 3], [3, NAN]])
    assert micro_f1(right, y) == 1 and roc_auc(right[:, :1], y[:, :1]) == 1
    for value in (NAN, INF):
        assert micro_f1(torch.full((3, 2), value), y) == 0
        for index in ((0, 0), (0, 1)):
            out = right.clone()
            out[index] = value
            assert micro_f1(out, y) < 1
    assert math.isnan(roc_auc(torch.full((3, 2), NAN), y)) and roc_auc(torch.full((3, 2), INF), y) == 0.5
    masked = right.clone()
    masked[0, 1] = -INF
    assert micro_f1(masked, y) == 1
    assert segment_auc(torch.tensor([NAN, 1.0]), torch.tensor([True, False]), torch.zeros(2).long(), 1).isnan().all()


def test_numbers() -> None:
    y = torch.ones(3)
    assert math.isnan(mae(torch.tensor([1.0, NAN, 1.0]), y)) and mae(torch.tensor([1.0, INF, 1.0]), y) == INF


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_of_a_task_rewards_nan(name: str) -> None:
    regression = name in ("mae", "rmse", "r2")
    columns = 1 if regression else 6
    out, y = torch.full((8, columns), NAN), torch.zeros(8, dtype=torch.long)
    if name in ("average-precision", "micro-f1", "roc-auc"):
        y = torch.zeros(8, 6)
        y[::2] = 1
    score = METRICS[name](out, y.float() if regression else y)
    assert not score > 0


def test_what_is_computed_from_nan_is_refused() -> None:
    with pytest.raises(InputError, match="got NaN"):
        saturated_share(torch.tensor([0.5, NAN]))
    with pytest.raises(InputError, match="models that diverged"):
        mixture_weights(torch.tensor([[[0.5, 0.5]], [[NAN, NAN]]]), torch.tensor([0]))
    with pytest.raises(InputError, match="classes from 0 to 1"):
        class_weights(torch.tensor([0, -1]), 2)


@pytest.mark.parametrize(
    ("task", "y"),
    [
        ("node-classification", torch.tensor([0, 1, 2, 1])),
        ("graph-regression", torch.rand(4, 3)),
        ("multilabel-node-classification", torch.tensor([[0.0, 1, 1], [1, 0, NAN], [1, 1, 0], [0, 0, 0]])),
    ],
)
def test_losses_of_outputs_in_half_precision_are_computed_in_float32(task: str, y: Tensor) -> None:
    out = (3 * torch.randn(4, 3)).bfloat16()
    loss = make_task(task).loss(out, y)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, make_task(task).loss(out.float(), y))
