"""Scores of each label and of each target, against scikit-learn, with gaps and single classes."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as expected

from graphkit.errors import InputError
from graphkit.metrics import label_scores, mean_average_precision, r2, rmse, roc_auc, target_scores

NAN = math.nan


def draw(labels: int = 5, items: int = 120, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs that are better than guessing, with ties, and labels of which a quarter is missing."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(items, labels, generator=generator) < torch.linspace(0.1, 0.8, labels)).float()
    logits = ((torch.randn(items, labels, generator=generator) + 1.5 * y - 0.7) * 4).round() / 4
    y[torch.rand(items, labels, generator=generator) < 0.25] = NAN
    return logits, y


def test_each_label_has_the_scores_of_scikit_learn() -> None:
    logits, y = draw()
    scores = label_scores(logits, y)
    for label in range(y.size(1)):
        known = ~y[:, label].isnan()
        true, output = y[known, label].numpy(), logits[known, label].numpy()
        assert int(scores.items[label]) == len(true) and int(scores.positives[label]) == true.sum()
        assert float(scores.roc_auc[label]) == pytest.approx(expected.roc_auc_score(true, output))
        assert float(scores.average_precision[label]) == pytest.approx(expected.average_precision_score(true, output))
        assert float(scores.f1[label]) == pytest.approx(expected.f1_score(true, output > 0))
    assert float(scores.roc_auc.mean()) == pytest.approx(roc_auc(logits, y))
    assert float(scores.average_precision.mean()) == pytest.approx(mean_average_precision(logits, y))


def test_a_label_of_one_class_or_without_items_has_no_score() -> None:
    logits, y = draw(4)
    y[:, 0] = torch.where(y[:, 0].isnan(), NAN, 0.0)
    y[:, 1] = torch.where(y[:, 1].isnan(), NAN, 1.0)
    y[:, 2] = NAN
    scores = label_scores(logits, y)
    for values in (scores.roc_auc, scores.average_precision, scores.f1, *scores.floors()[:3]):
        assert values.isnan().tolist() == [True, True, True, False]
    assert scores.has_both.tolist() == [False, False, False, True]
    assert scores.positives.tolist()[:3] == [0, int(scores.items[1]), 0] and int(scores.items[2]) == 0
    assert float(scores.roc_auc.nanmean()) == pytest.approx(roc_auc(logits, y))


def test_floors_are_those_of_constant_predictions() -> None:
    _, y = draw()
    floors = label_scores(*draw()).floors()
    for label in range(y.size(1)):
        true = y[~y[:, label].isnan(), label].numpy()
        constant = np.ones_like(true)
        assert float(floors.roc_auc[label]) == expected.roc_auc_score(true, constant) == 0.5
        assert float(floors.average_precision[label]) == pytest.approx(expected.average_precision_score(true, constant))
        assert float(floors.f1[label]) == pytest.approx(expected.f1_score(true, constant))


def test_an_output_that_is_nan_spoils_its_label_alone() -> None:
    logits, y = draw(2)
    row = int((y[:, 0] == 1).nonzero()[0])
    sound = label_scores(logits, y)
    logits[row, 0] = NAN
    scores = label_scores(logits, y)
    assert scores.roc_auc.isnan().tolist() == scores.average_precision.isnan().tolist() == [True, False]
    assert float(scores.f1[0]) <= float(sound.f1[0]) and float(scores.f1[1]) == float(sound.f1[1])
    gap = int(y[:, 1].isnan().nonzero()[0])
    logits[gap, 1] = NAN  # the output of a missing label
    assert not bool(label_scores(logits, y).roc_auc[1].isnan())


def test_labels_and_targets_are_checked() -> None:
    logits, y = draw()
    for scores in (label_scores, target_scores):
        with pytest.raises(InputError, match="must have one shape"):
            scores(logits[:3], y)
        with pytest.raises(InputError, match="at least one item"):
            scores(logits[:0], y[:0])
    with pytest.raises(InputError, match="0, 1 or NaN"):
        label_scores(logits, y + 1)


def test_each_target_has_the_errors_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(1)
    y = torch.randn(80, 3, generator=generator) * torch.tensor([1.0, 10.0, 0.1])
    prediction = y + 0.3 * torch.randn(80, 3, generator=generator)
    y[torch.rand(80, 3, generator=generator) < 0.3] = NAN
    scores = target_scores(prediction, y)
    for target in range(3):
        known = ~y[:, target].isnan()
        pair = y[known, target].double().numpy(), prediction[known, target].double().numpy()
        assert int(scores.items[target]) == int(known.sum())
        assert float(scores.mae[target]) == pytest.approx(expected.mean_absolute_error(*pair))
        assert float(scores.rmse[target]) == pytest.approx(expected.root_mean_squared_error(*pair))
        assert float(scores.r2[target]) == pytest.approx(expected.r2_score(*pair))
    assert float(scores.rmse.mean()) == pytest.approx(rmse(prediction, y))
    assert float(scores.r2.mean()) == pytest.approx(r2(prediction, y))


def test_a_target_of_one_value_has_no_r2_and_one_without_values_has_no_score() -> None:
    y = torch.tensor([[1.0, 4.0, NAN], [3.0, 4.0, NAN], [2.0, NAN, NAN]])
    scores = target_scores(torch.tensor([[1.0, 5.0, 0.0], [3.0, 7.0, 0.0], [5.0, 0.0, 0.0]]), y)
    assert scores.items.tolist() == [3, 2, 0]
    assert scores.mae.tolist()[:2] == [1, 2] and scores.rmse.tolist()[:2] == pytest.approx([3**0.5, 5**0.5])
    assert scores.r2[0] == 1 - 9 / 2 and scores.r2.isnan().tolist() == [False, True, True]
    assert bool(scores.mae[2].isnan()) and bool(scores.rmse[2].isnan())
