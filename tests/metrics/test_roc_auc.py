import math

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from graphkit.metrics import mean_average_precision, roc_auc, segment_auc


def test_matches_sklearn_with_ties_and_missing_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-3, 4, (150, 6), generator=generator).double()  # many ties
    y = (torch.rand(150, 6, generator=generator) < 0.25).double()
    y[torch.rand(150, 6, generator=generator) < 0.3] = float("nan")
    y[:, 4] = torch.where(y[:, 4].isnan(), y[:, 4], 0)  # one class only: left out
    for metric, reference in ((roc_auc, roc_auc_score), (mean_average_precision, average_precision_score)):
        expected = []
        for task in (0, 1, 2, 3, 5):
            mask = ~y[:, task].isnan()
            expected.append(reference(y[mask, task].numpy(), logits[mask, task].numpy()))
        assert metric(logits, y) == pytest.approx(sum(expected) / 5, abs=1e-12)


def test_one_task_may_come_flat() -> None:
    logits, y = torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0, 1, 1])
    assert roc_auc(logits, y) == roc_auc(logits.view(-1, 1), y.view(-1, 1)) == 0.75


def test_infinite_scores_keep_their_order() -> None:
    logits = torch.tensor([-math.inf, 0.0, math.inf, 1.0])
    assert roc_auc(logits, torch.tensor([0.0, 0, 1, 1])) == 1.0
    assert roc_auc(logits, torch.tensor([1.0, 0, 0, 1])) == 0.25


def test_undefined_scores_are_nan() -> None:
    assert math.isnan(roc_auc(torch.zeros(3, 1), torch.ones(3, 1)))
    assert math.isnan(mean_average_precision(torch.zeros(3, 1), torch.ones(3, 1)))
    assert math.isnan(mean_average_precision(torch.tensor([math.nan, 0.0, 1.0]), torch.tensor([0.0, 1, 0])))
    assert math.isnan(roc_auc(torch.zeros(3, 1), torch.full((3, 1), math.nan)))
    assert math.isnan(roc_auc(torch.tensor([math.nan, 0.0, 1.0]), torch.tensor([0.0, 1, 0])))


def test_a_nan_output_of_a_missing_label_does_no_harm() -> None:
    logits, y = torch.tensor([math.nan, 0.0, 1.0]), torch.tensor([math.nan, 0.0, 1.0])
    assert roc_auc(logits, y) == 1.0


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one shape"):
        roc_auc(torch.zeros(3, 2), torch.zeros(3))
    with pytest.raises(ValueError, match="at least one item"):
        roc_auc(torch.zeros(0, 2), torch.zeros(0, 2))
    with pytest.raises(ValueError, match="0, 1 or NaN"):
        roc_auc(torch.zeros(3), torch.tensor([0.0, -1, 1]))


def test_segments_are_independent_and_may_come_in_any_order() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randint(0, 9, (400,), generator=generator).float()
    labels = torch.rand(400, generator=generator) < 0.4
    segment = torch.randint(0, 12, (400,), generator=generator)
    labels[segment == 3] = True
    areas = segment_auc(scores, labels, segment, 14)
    assert areas.isnan().nonzero().flatten().tolist() == [3, 12, 13]
    for index in (0, 1, 2, *range(4, 12)):
        mine = segment == index
        expected = roc_auc_score(labels[mine].numpy(), scores[mine].numpy())
        assert float(areas[index]) == pytest.approx(expected, abs=1e-12)


def test_a_broken_score_spoils_only_its_segment() -> None:
    scores = torch.tensor([0.0, math.nan, 0.0, 1.0])
    areas = segment_auc(scores, torch.tensor([False, True, False, True]), torch.tensor([0, 0, 1, 1]), 2)
    assert math.isnan(areas[0]) and areas[1] == 1
