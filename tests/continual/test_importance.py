import pytest
import torch
from torch.nn import functional as F

from graphkit.continual import EWC, MAS, TWP, Experience, TaskStream, importance, output_norm, scaled
from tests.continual.tasks import make_model, nodes

X, Y = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0, 1, 0, 0])


def make() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))


def task(sizes: list[int]) -> Experience:
    batches = list(zip(X.split(sizes), Y.split(sizes), strict=True))
    return Experience(batches, lambda model, batch: model(batch[0]), lambda batch: batch[1])


def by_hand(quantity: object, measure: str) -> dict[str, torch.Tensor]:
    model = make().eval()
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for x, y in zip(X, Y, strict=True):
        model.zero_grad()
        quantity(model(x[None]), y[None]).backward()  # type: ignore[operator]
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            total[name] += (parameter.grad.abs() if measure == "abs" else parameter.grad**2) / 7
    return total


@pytest.mark.parametrize("sizes", [[7], [3, 3, 1]])
@pytest.mark.parametrize(("quantity", "measure"), [(F.cross_entropy, "square"), (output_norm, "abs")])
def test_is_the_mean_over_items_whatever_the_batches(sizes: list[int], quantity: object, measure: str) -> None:
    model = make().train()
    scores = importance(model, task(sizes), quantity, "sample", measure)  # type: ignore[arg-type]
    for name, value in by_hand(quantity, measure).items():
        torch.testing.assert_close(scores[name], value)
    assert model.training and model[1].training and all(p.grad is None for p in model.parameters())


def test_the_batch_form_is_averaged_over_batches() -> None:
    model, halves = make(), [task([7]).subset(torch.arange(3)), task([7]).subset(torch.arange(3, 7))]
    scores = importance(model, task([3, 4]), F.cross_entropy, "batch")
    parts = [importance(model, half, F.cross_entropy, "batch") for half in halves]
    for name, value in scores.items():
        torch.testing.assert_close(value, (3 * parts[0][name] + 4 * parts[1][name]) / 7)


def test_looks_at_some_items_only() -> None:
    model = make()
    some = importance(model, task([2, 5]), F.cross_entropy, samples=3)  # every third: items 0, 3 and 6
    chosen = importance(model, task([7]).subset(torch.tensor([0, 3, 6])), F.cross_entropy)
    for name, value in some.items():
        torch.testing.assert_close(value, chosen[name])


@pytest.mark.parametrize("strategy", [EWC(), EWC(fisher="batch"), MAS(), TWP(), TWP(gradients="batch")])
def test_is_not_negative_and_zero_for_what_plays_no_part(strategy: EWC) -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    model = make_model(dataset, stream.sizes)
    model.unused = torch.nn.Linear(2, 2)
    scores = strategy.importance(model, stream[1])
    assert set(scores) == {name for name, _ in model.named_parameters()}
    assert all(bool((value >= 0).all()) for value in scores.values())
    for name, value in scores.items():
        idle = name.startswith(("unused", "heads.0", "heads.2"))
        assert not (idle and bool(value.any())), name
    assert bool(scores["network.body.convs.0.lin.weight"].any()) and bool(scores["heads.1.0.lin.weight"].any())


def test_each_task_weighs_the_same() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    model = make_model(dataset, stream.sizes)
    for strategy, mass in ((EWC(3.0), 3.0), (MAS(2.0), 2.0), (TWP(2.0, 0.5), 2.5)):
        total = sum(float(value.sum()) for value in strategy.importance(model, stream[0]).values())
        assert total == pytest.approx(mass, rel=1e-5)
    plain = EWC(3.0, scale=False).importance(model, stream[0])
    assert sum(float(value.sum()) for value in plain.values()) != pytest.approx(3.0, rel=1e-3)
    assert scaled({"a": torch.zeros(2)})["a"].tolist() == [0, 0]


def test_frozen_parameters_are_left_out() -> None:
    model = make()
    model[0].requires_grad_(False)
    assert set(importance(model, task([7]), F.cross_entropy)) == {"2.weight", "2.bias"}


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="`per` must be 'sample' or 'batch'"):
        importance(make(), task([7]), F.cross_entropy, per="item")
    with pytest.raises(ValueError, match=r"`samples` must be at least 1, or none for all \(got 0\)"):
        importance(make(), task([7]), F.cross_entropy, samples=0)
    with pytest.raises(ValueError, match=r"an experience of one batch, or a task of a TaskStream \(got 2 batches\)"):
        task([3, 4]).subset(torch.tensor([0]))
