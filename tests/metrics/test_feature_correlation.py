import numpy as np
import pytest
import torch

from graphkit.metrics import feature_correlation


def test_matches_numpy() -> None:
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[:, 1] = 2 - x[:, 0] * 3
    result = feature_correlation(x)
    assert np.allclose(result.numpy(), np.abs(np.corrcoef(x.numpy().T)), atol=1e-12)
    assert float(result[0, 1]) == pytest.approx(1, abs=1e-12)


def test_a_constant_feature_correlates_with_nothing() -> None:
    x = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 0.1
    result = feature_correlation(x)
    assert not result.isnan().any()
    assert result[1].tolist() == result[:, 1].tolist() == [0, 0, 0]


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="at least two rows"):
        feature_correlation(torch.zeros(1, 3))
