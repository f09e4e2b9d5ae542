import numpy as np
import pytest
import torch
from scipy import optimize

from graphkit.continual import project_gradient, project_on_reference

DOUBLE = torch.float64


def test_worked_example() -> None:
    g, memory = torch.tensor([1.0, 0], dtype=DOUBLE), torch.tensor([[-1.0, 1]], dtype=DOUBLE)
    torch.testing.assert_close(project_gradient(g, memory, 0.5, 1e-3), torch.tensor([0.5, 0.5], dtype=DOUBLE))
    expected = torch.tensor([0.500250, 0.499750], dtype=DOUBLE)
    torch.testing.assert_close(project_gradient(g, memory, 0.0, 1e-3), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_no_product_is_negative(seed: int, margin: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    tasks, size = int(torch.randint(1, 9, (), generator=generator)), int(torch.randint(1, 20, (), generator=generator))
    scale = 10.0 ** torch.randint(-3, 4, (tasks, 1), generator=generator)
    memory = scale * torch.randn(tasks, size, generator=generator)
    if tasks > 2:
        memory[1], memory[2] = 2 * memory[0], 0  # rank-deficient, with a task that says nothing
    g = torch.randn(size, generator=generator)
    projected = project_gradient(g, memory, margin)
    products = memory.double() @ projected.double()
    assert bool((products >= -1e-6 * memory.double().norm(dim=1) * max(float(g.norm()), float(projected.norm()))).all())


def test_is_the_nearest_vector_that_hurts_nobody() -> None:
    generator = torch.Generator().manual_seed(3)
    memory, g = torch.randn(3, 5, generator=generator, dtype=DOUBLE), torch.randn(5, generator=generator, dtype=DOUBLE)
    constraint = optimize.LinearConstraint(memory.numpy(), lb=0)
    best = optimize.minimize(
        lambda v: ((v - g.numpy()) ** 2).sum(), np.zeros(5), constraints=constraint, options={"ftol": 1e-14}
    )
    np.testing.assert_allclose(project_gradient(g, memory).numpy(), best.x, atol=1e-5)


def test_a_gradient_that_hurts_nobody_is_returned_itself() -> None:
    g = torch.tensor([1.0, 0])
    assert project_gradient(g, torch.tensor([[1.0, 1]]), 0.5) is g
    assert project_gradient(g, torch.zeros(0, 2)) is g
    assert project_on_reference(g, torch.tensor([1.0, 1])) is g and project_on_reference(g, torch.zeros(2)) is g


def test_goes_on_where_scipy_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    g, memory = torch.tensor([1.0, 0.2, 0], dtype=DOUBLE), torch.tensor([[-1.0, 1, 0], [-2, 0, 1]], dtype=DOUBLE)
    expected = project_gradient(g, memory)

    def fails(*_args: object, **_options: object) -> None:
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr(optimize, "nnls", fails)
    torch.testing.assert_close(project_gradient(g, memory), expected)


def test_against_the_mean_gradient() -> None:
    projected = project_on_reference(torch.tensor([1.0, -1]), torch.tensor([0.0, 2]))
    assert projected.tolist() == [1, 0]


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`margin` and `ridge` must not be negative \(got -1 and 0.0\)"):
        project_gradient(torch.ones(2), torch.ones(1, 2), -1)
