import pytest
import torch
from sklearn.metrics import f1_score

from graphkit.metrics import micro_f1

Y = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
GUESS = torch.tensor([[1.0, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1]])


def test_golden() -> None:
    assert micro_f1(2 * GUESS - 1, Y) == pytest.approx(0.727272727273, abs=1e-9)
    assert micro_f1(GUESS, Y, threshold=0.5) == pytest.approx(8 / 11, abs=1e-12)


def test_a_logit_at_the_threshold_is_a_no() -> None:
    assert micro_f1(torch.zeros(4, 3), Y) == 0.0


def test_matches_sklearn() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(100, 6, generator=generator)
    y = (torch.rand(100, 6, generator=generator) < 0.3).float()
    expected = f1_score(y.numpy(), (logits > 0).numpy(), average="micro")
    assert micro_f1(logits, y) == pytest.approx(expected, abs=1e-12)


def test_missing_labels_count_nowhere() -> None:
    y = Y.clone()
    y[0, 2] = float("nan")  # a miss that is no longer one
    assert micro_f1(2 * GUESS - 1, y) == pytest.approx(8 / 10, abs=1e-12)


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one shape"):
        micro_f1(torch.zeros(4, 2), Y)
    with pytest.raises(ValueError, match="0, 1 or NaN"):
        micro_f1(torch.zeros(4, 3), Y + 1)
