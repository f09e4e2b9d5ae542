import math

import pytest
import torch

from graphkit.metrics import fold_curve

CURVES = torch.tensor([[0.7, 0.8, 0.75], [0.6, 0.7, 0.85], [0.65, 0.9, 0.84]], dtype=torch.float64)


def test_golden() -> None:
    score = fold_curve(CURVES)
    assert score.epoch == 2
    assert score.mean == pytest.approx(0.813333333333, abs=1e-9)
    assert score.std == pytest.approx(0.0449691252108, abs=1e-9)


def test_the_first_of_equal_epochs_is_taken() -> None:
    assert fold_curve(torch.tensor([[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]])).epoch == 0


def test_errors_are_minimized() -> None:
    assert fold_curve(CURVES, maximize=False).epoch == 0


def test_an_epoch_that_a_fold_lacks_is_not_chosen() -> None:
    curves = CURVES.clone()
    curves[0, 2] = math.nan
    assert fold_curve(curves).epoch == 1
    assert fold_curve(1 - curves, maximize=False).epoch == 1


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        fold_curve(torch.zeros(10, 0))
    with pytest.raises(ValueError, match="at least one of each"):
        fold_curve(torch.zeros(10))
    with pytest.raises(ValueError, match="got NaN in all"):
        fold_curve(torch.full((2, 2), math.nan))
