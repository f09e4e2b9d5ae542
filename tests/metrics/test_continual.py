import math

import pytest
import torch

from graphkit.metrics import (
    average_forgetting,
    average_performance,
    forgetting,
    forward_transfer,
    learning_accuracy,
)

MATRIX = torch.tensor([[90.0, 50, math.nan], [80, 85, 60], [70, 81, 88]])


def test_worked_example() -> None:
    assert average_performance(MATRIX) == pytest.approx(79.666667)
    assert average_forgetting(MATRIX) == pytest.approx(-12) and forgetting(MATRIX) == pytest.approx(12)
    assert average_forgetting(MATRIX) * 2 / 3 == pytest.approx(-8)  # the convention that divides by T
    assert learning_accuracy(MATRIX) == pytest.approx((90 + 85 + 88) / 3)
    assert forward_transfer(MATRIX, torch.tensor([50.0, 45, 52])) == pytest.approx((5 + 8) / 2)


def test_joint_training_has_a_last_row_only() -> None:
    matrix = torch.full((3, 3), math.nan)
    matrix[2] = torch.tensor([90.0, 91, 92])
    assert average_performance(matrix) == pytest.approx(91)
    assert math.isnan(average_forgetting(matrix)) and math.isnan(learning_accuracy(matrix))


def test_a_matrix_must_be_square() -> None:
    with pytest.raises(ValueError, match=r"must be square, one row per task \(got \(2, 3\)\)"):
        average_performance(MATRIX[:2])
