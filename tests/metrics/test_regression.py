"""MAE, RMSE and R2 against their definitions, with gaps and several targets."""

import math

import numpy as np
import pytest
import torch

from graphkit.errors import InputError
from graphkit.metrics import mae, r2, rmse

NAN = math.nan


def test_several_targets_with_gaps() -> None:
    generator = np.random.default_rng(0)
    y, prediction = generator.normal(size=(50, 3)), generator.normal(size=(50, 3))
    y[:, 1] *= 10
    y[generator.random((50, 3)) < 0.2] = NAN
    columns = [~np.isnan(y[:, c]) for c in range(3)]
    errors = [prediction[mask, c] - y[mask, c] for c, mask in enumerate(columns)]
    total = [y[mask, c] - y[mask, c].mean() for c, mask in enumerate(columns)]
    got = [metric(torch.from_numpy(prediction), torch.from_numpy(y)) for metric in (mae, rmse, r2)]
    assert got[0] == pytest.approx(np.abs(np.concatenate(errors)).mean())
    assert got[1] == pytest.approx(np.mean([math.sqrt((e**2).mean()) for e in errors]))
    assert got[2] == pytest.approx(
        np.mean([1 - (e**2).sum() / (t**2).sum() for e, t in zip(errors, total, strict=True)])
    )


def test_one_target_may_have_one_dimension() -> None:
    y = torch.tensor([1.0, 2.0, 4.0])
    for metric in (mae, rmse, r2):
        assert metric(y[:, None] + 1, y) == metric(y + 1, y)


def test_r2_of_a_constant_target_is_undefined_and_left_out_of_the_mean() -> None:
    y = torch.tensor([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])
    assert math.isnan(r2(y[:, :1], y[:, :1])) and r2(y, y) == 1 and rmse(y, y) == 0


@pytest.mark.parametrize("metric", [mae, rmse, r2])
def test_no_value(metric: object) -> None:
    gap = torch.full((3, 2), NAN)
    assert math.isnan(metric(torch.ones(3, 2), gap))  # type: ignore[operator]
    with pytest.raises(InputError, match="must have one shape"):
        metric(torch.ones(3, 2), torch.ones(3, 1))  # type: ignore[operator]
    with pytest.raises(InputError, match="at least one item"):
        metric(torch.ones(0, 2), torch.ones(0, 2))  # type: ignore[operator]
