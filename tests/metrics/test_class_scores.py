"""Macro-F1, ROC-AUC and scores of each class, against scikit-learn."""

import math

import pytest
import torch
from sklearn import metrics as expected

from graphkit.errors import InputError
from graphkit.metrics import class_roc_auc, class_scores, confusion_counts, macro_f1
from graphkit.metrics.confusion_counts import logits_confusion

NAN = math.nan


def draw(num_classes: int, present: int = 0, items: int = 200, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs that are better than guessing, and classes of which only the first ``present`` have items."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(present or num_classes, (items,), generator=generator)
    logits = torch.randn(items, num_classes, generator=generator)
    logits[torch.arange(items), y] += 1
    return logits, y


@pytest.mark.parametrize(("num_classes", "present"), [(2, 2), (3, 3), (7, 7), (7, 4), (70, 70)])
def test_macro_f1_is_that_of_scikit_learn(num_classes: int, present: int) -> None:
    logits, y = draw(num_classes, present)
    assert macro_f1(logits, y) == pytest.approx(expected.f1_score(y, logits.argmax(1), average="macro"))


@pytest.mark.parametrize("num_classes", [2, 3, 8])
def test_roc_auc_is_that_of_scikit_learn(num_classes: int) -> None:
    logits, y = draw(num_classes)
    probability = logits.double().softmax(1).numpy()
    value = expected.roc_auc_score(y, probability[:, 1] if num_classes == 2 else probability, multi_class="ovr")
    assert class_roc_auc(logits, y) == pytest.approx(value, abs=1e-12)


def test_roc_auc_leaves_out_classes_without_items() -> None:
    logits, y = draw(5, present=3)
    probability = logits.double().softmax(1)
    values = [expected.roc_auc_score(y == c, probability[:, c]) for c in range(3)]
    assert class_roc_auc(logits, y) == pytest.approx(sum(values) / 3, abs=1e-12)


def test_roc_auc_is_undefined_for_one_class_or_broken_outputs() -> None:
    logits, y = draw(2)
    assert math.isnan(class_roc_auc(logits, torch.zeros_like(y)))
    for value in (NAN, math.inf):
        broken = logits.clone()
        broken[3, 0] = value
        assert math.isnan(class_roc_auc(broken, y))
    masked = torch.cat([logits, torch.full((len(y), 1), -math.inf)], dim=1)
    areas = [expected.roc_auc_score(y == c, logits.double().softmax(1)[:, c]) for c in (0, 1)]
    assert class_roc_auc(masked, y) == pytest.approx(sum(areas) / 2)


@pytest.mark.parametrize(("num_classes", "present"), [(2, 2), (6, 6), (6, 3)])
def test_scores_of_each_class_are_those_of_scikit_learn(num_classes: int, present: int) -> None:
    logits, y = draw(num_classes, present)
    logits[:, num_classes - 1] -= 100  # never predicted
    labels = list(range(num_classes))
    confusion = confusion_counts(logits.argmax(1), y, num_classes)
    assert confusion.tolist() == expected.confusion_matrix(y, logits.argmax(1), labels=labels).tolist()
    values = expected.precision_recall_fscore_support(y, logits.argmax(1), labels=labels, zero_division=NAN)
    scores = class_scores(confusion)
    for ours, theirs in zip((scores.precision, scores.recall), values[:2], strict=True):
        assert ours.tolist() == pytest.approx(theirs.tolist(), nan_ok=True)
    absent = (scores.support == 0) & (confusion.sum(0) == 0)
    assert scores.f1.isnan().tolist() == absent.tolist()
    assert scores.f1[~absent].tolist() == pytest.approx(torch.tensor(values[2]).nan_to_num()[~absent].tolist())
    assert scores.support.tolist() == values[3].tolist()


def test_a_row_without_finite_outputs_is_an_error_without_a_prediction() -> None:
    logits, y = torch.tensor([[2.0, 1.0], [NAN, 1.0], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    confusion, count = logits_confusion(logits, y)
    assert confusion.tolist() == [[1, 0], [0, 1]] and count.tolist() == [2, 1]
    assert class_scores(confusion, count).recall.tolist() == [0.5, 1.0]
    assert macro_f1(logits, y) == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize("metric", [macro_f1, class_roc_auc])
def test_wrong_arguments_are_refused(metric: object) -> None:
    for logits, y in ((torch.zeros(2, 2), torch.zeros(3).long()), (torch.zeros(0, 2), torch.zeros(0).long())):
        with pytest.raises(InputError):
            metric(logits, y)  # type: ignore[operator]
