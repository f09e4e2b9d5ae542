"""Accuracy, top-k accuracy, balanced accuracy and class weights."""

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from graphkit.metrics import accuracy, balanced_accuracy, class_weights, topk_accuracy

TARGET = torch.tensor([0, 0, 0, 0, 1, 1])
GUESS = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 0, 1, 0]), 2).double()


def test_accuracy() -> None:
    assert accuracy(GUESS, TARGET) == pytest.approx(4 / 6, abs=1e-12)
    assert accuracy(GUESS, GUESS.argmax(1)) == 1.0


def test_golden_topk() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 5.0], [1.0, 2.0, 1.5]])
    y = torch.tensor([0, 2, 2, 1])
    assert topk_accuracy(logits, y) == accuracy(logits, y) == 0.75
    assert topk_accuracy(logits, y, k=2) == 1.0


def test_topk_matches_sklearn_and_breaks_ties_by_index() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, y = torch.randn(200, 7, generator=generator), torch.randint(7, (200,), generator=generator)
    for k in (1, 3, 6):
        expected = top_k_accuracy_score(y.numpy(), logits.numpy(), k=k, labels=range(7))
        assert topk_accuracy(logits, y, k) == pytest.approx(expected, abs=1e-12)
    assert topk_accuracy(torch.zeros(3, 5), torch.tensor([1, 2, 3]), k=2) == pytest.approx(1 / 3)


def test_golden_balanced_accuracy() -> None:
    assert balanced_accuracy(GUESS, TARGET) == pytest.approx(0.625, abs=1e-12)


def test_balanced_accuracy_counts_a_class_that_is_never_hit() -> None:
    always_zero = torch.tensor([[1.0, 0.0, 0.0]]).expand(6, 3)
    assert balanced_accuracy(always_zero, TARGET) == 0.5  # class 2 is absent and does not count


def test_balanced_accuracy_matches_sklearn() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, y = torch.randn(300, 5, generator=generator), torch.randint(5, (300,), generator=generator)
    expected = balanced_accuracy_score(y.numpy(), logits.argmax(1).numpy())
    assert balanced_accuracy(logits, y) == pytest.approx(expected, abs=1e-12)


def test_golden_class_weights() -> None:
    assert class_weights(TARGET, 2).tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-12)
    assert class_weights(TARGET, 3).tolist() == pytest.approx([1 / 3, 2 / 3, 0], abs=1e-12)


@pytest.mark.parametrize(
    ("logits", "y", "message"),
    [
        (torch.zeros(3), torch.zeros(3).long(), "two-dimensional"),
        (torch.zeros(3, 2), torch.zeros(2).long(), "one class per row"),
        (torch.zeros(0, 2), torch.zeros(0).long(), "at least one item"),
        (torch.zeros(2, 2), torch.tensor([0, 2]), "from 0 to 1"),
        (torch.zeros(2, 2), torch.tensor([0, -1]), "from 0 to 1"),
        (torch.zeros(2, 2), torch.tensor([0.0, 1.0]), "integers"),
    ],
)
def test_arguments_that_do_not_fit(logits: torch.Tensor, y: torch.Tensor, message: str) -> None:
    for score in (accuracy, topk_accuracy, balanced_accuracy):
        with pytest.raises(ValueError, match=message):
            score(logits, y)


def test_topk_outside_the_classes() -> None:
    with pytest.raises(ValueError, match=r"between 1 and the number of classes 2 \(got 3\)"):
        topk_accuracy(GUESS, TARGET, k=3)
