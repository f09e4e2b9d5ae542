import pytest
import torch

from graphkit.metrics import mae


def test_mean_absolute_error() -> None:
    assert mae(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.0], [4.0], [4.0]])) == 1.0


def test_a_flat_target_is_not_broadcast() -> None:
    prediction = torch.tensor([[1.0], [5.0]])
    assert mae(prediction, torch.tensor([1.0, 5.0])) == 0.0


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one shape"):
        mae(torch.zeros(3, 1), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="one shape"):
        mae(torch.zeros(2, 3), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="at least one item"):
        mae(torch.zeros(0), torch.zeros(0))
