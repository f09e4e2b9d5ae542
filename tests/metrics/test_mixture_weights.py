import pytest
import torch

from graphkit.metrics import mixture_weights


def test_the_weights_are_those_of_the_largest_likelihood() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(3, 40, 4, generator=generator).softmax(dim=-1)
    p[1] = (3 * torch.eye(4)[torch.arange(40) % 4] + torch.randn(40, 4, generator=generator)).softmax(dim=-1)
    y = torch.arange(40) % 4
    weights = mixture_weights(p, y)
    assert float(weights.sum()) == pytest.approx(1.0) and bool((weights >= 0).all())

    def likelihood(w: torch.Tensor) -> float:
        return float(torch.tensordot(w, p.double(), 1)[torch.arange(40), y].log().sum())

    best = likelihood(weights)
    for other in torch.rand(200, 3, generator=generator, dtype=torch.float64):
        assert likelihood(other / other.sum()) <= best + 1e-6
    assert float(weights[1]) > 0.9


def test_models_that_are_the_same_stay_equal_and_a_useless_one_goes() -> None:
    p = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).repeat(2, 1, 1)
    assert mixture_weights(p, torch.tensor([0, 1])).tolist() == pytest.approx([0.5, 0.5])
    wrong = torch.stack([p[0], 1 - p[0], torch.tensor([[0.0, 1.0], [1.0, 0.0]])])
    assert mixture_weights(wrong, torch.tensor([0, 1])).tolist() == pytest.approx([1, 0, 0], abs=1e-3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \[M, B, C\] with at least one model \(got \[2, 3\]\)"):
        mixture_weights(torch.rand(2, 3), torch.tensor([0, 1]))
