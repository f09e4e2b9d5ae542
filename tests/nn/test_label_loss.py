import pytest
import torch

from graphkit.nn import label_loss

EDGES = torch.tensor([[0, 1, 0, 2, 3], [1, 0, 0, 3, 2]])
BATCH = torch.tensor([0, 0, 1, 1])


def test_is_the_mean_over_edges_then_graphs_and_labels() -> None:
    coefficients = torch.tensor([[0.9, 0.2], [0.7, 0.4], [0.1, 0.1], [0.5, 0.6], [0.3, 0.8]], dtype=torch.float64)
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    log = torch.log
    expected = (
        -(
            (log(coefficients[:2, 0])).mean()
            + (log(1 - coefficients[:2, 1])).mean()  # the loop 0 -> 0 does not count
            + (log(1 - coefficients[3:, 0])).mean()
            + (log(coefficients[3:, 1])).mean()
        )
        / 4
    )
    assert float(label_loss(coefficients, EDGES, y, BATCH)) == pytest.approx(float(expected))


def test_missing_labels_do_not_count() -> None:
    coefficients = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1.0, float("nan")], [float("nan"), float("nan")]])
    loss = label_loss(coefficients, EDGES, y, BATCH)
    assert float(loss.detach()) == pytest.approx(float(-coefficients[:2, 0].detach().log().mean()))
    loss.backward()
    assert coefficients.grad is not None and float(coefficients.grad[:, 1].abs().sum()) == 0


def test_a_graph_without_edges_contributes_zero() -> None:
    assert float(label_loss(torch.empty(0, 1), torch.empty(2, 0, dtype=torch.long), torch.ones(1, 1))) == 0


def test_classes_are_no_labels() -> None:
    with pytest.raises(ValueError, match="`y` must hold labels"):
        label_loss(torch.rand(5, 2), EDGES, torch.tensor([0, 1]), BATCH)


def test_is_exact_in_float64() -> None:
    coefficients = 0.1 + 0.8 * torch.rand(4, 3, dtype=torch.float64)
    edges, y = torch.tensor([[0, 1, 2, 2], [1, 0, 1, 2]]), torch.tensor([[1.0, 0.0, 1.0]])
    rows = coefficients[:3]
    expected = -torch.where(y > 0, rows, 1 - rows).log().mean()
    for labels in (y, y.double(), y.half()):
        assert abs(float(label_loss(coefficients, edges, labels) - expected)) < 1e-14
