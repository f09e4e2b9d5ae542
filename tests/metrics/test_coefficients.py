"""Saturation and random factors."""

import pytest
import torch

from graphkit.metrics import random_factors, saturated_share


def test_saturated_share() -> None:
    assert saturated_share(torch.tensor([[0.001, 0.5], [0.999, 0.98], [0.01, 0.99]])) == pytest.approx(2 / 6)
    with pytest.raises(ValueError, match="at least one value"):
        saturated_share(torch.zeros(0, 4))


def test_random_factors_are_reproducible_and_leave_the_global_state_alone() -> None:
    state = torch.get_rng_state()
    first = random_factors(1000, 4, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first, random_factors(1000, 4, seed=1))
    assert not torch.equal(first, random_factors(1000, 4, seed=2))
    assert first.shape == (1000, 4) and first.min() >= 0 and first.max() < 1
    assert abs(float(first.mean()) - 0.5) < 0.02
