import pytest
import torch

from graphkit.continual import EWC, Experience, MergedPenalty, merge_penalty, merged_penalty
from graphkit.errors import InputError

SIZE = 500


def learn(tasks: int, dtype: torch.dtype = torch.float32) -> tuple[list, MergedPenalty, torch.Tensor]:
    """Weights around 3 that move by 1e-4 from task to task, the case in which running sums fail."""
    generator = torch.Generator().manual_seed(0)
    weights, merged, terms = 3 * torch.randn(SIZE, generator=generator), None, []
    for _ in range(tasks):
        importance = torch.rand(SIZE, generator=generator) ** 4
        weights = weights + 1e-4 * torch.randn(SIZE, generator=generator)
        terms.append((importance, weights))
        merged = merge_penalty(merged, {"w": importance.to(dtype)}, {"w": weights.to(dtype)})
    assert merged is not None
    return terms, merged, weights + 1e-4 * torch.randn(SIZE, generator=generator)


def test_equals_the_sum_over_a_hundred_tasks_in_single_precision() -> None:
    terms, merged, weights = learn(100)
    exact = sum(float((i.double() * (weights.double() - w.double()) ** 2).sum()) for i, w in terms)
    assert abs(float(merged_penalty(merged, {"w": weights})) / exact - 1) < 1e-6
    assert merged.constant >= 0
    value = weights.clone().requires_grad_()
    merged_penalty(merged, {"w": value}).backward()
    slope = sum((2 * i.double() * (weights.double() - w.double())) for i, w in terms)
    assert value.grad is not None
    torch.testing.assert_close(value.grad.double(), slope, rtol=1e-3, atol=1e-6 * float(slope.abs().max()))


def test_running_sums_would_not() -> None:
    terms, _, weights = learn(100)
    a, b, c = (sum(i * w**k for i, w in terms) for k in range(3))
    running = float((a * weights**2 - 2 * b * weights + c).sum())
    exact = sum(float((i.double() * (weights.double() - w.double()) ** 2).sum()) for i, w in terms)
    assert abs(running / exact - 1) > 1e-3


def test_memory_is_three_copies_of_the_parameters_however_many_tasks() -> None:
    for tasks in (1, 30):
        merged = learn(tasks)[1]
        kept = sum(tensor.numel() for tensors in merged[:3] for tensor in tensors.values())
        assert kept == 3 * SIZE


def test_a_parameter_that_is_new_joins() -> None:
    one = torch.ones(2)
    merged = merge_penalty(None, {"a": one}, {"a": one})
    merged = merge_penalty(merged, {"a": one, "b": 3 * one}, {"a": 2 * one, "b": one})
    value = merged_penalty(merged, {"a": 3 * one, "b": 2 * one})
    assert float(value) == 2 * (2**2 + 1 + 3)


def test_the_inputs_are_not_changed() -> None:
    weight, importance = torch.ones(2, requires_grad=True), torch.ones(2)
    merged = merge_penalty(None, {"a": importance}, {"a": weight})
    merge_penalty(merged, {"a": importance}, {"a": weight + 1})
    assert merged.constant == 0 and torch.equal(merged.total["a"], importance) and not merged.anchor["a"].requires_grad
    assert merged.anchor["a"].data_ptr() != weight.data_ptr()


def test_a_parameter_that_is_frozen_later_keeps_its_penalty() -> None:
    one = torch.ones(2)
    first = merge_penalty(None, {"a": one, "b": one}, {"a": one, "b": one})
    for importance, weights in (({"a": one}, {"a": 2 * one}), ({"a": one}, {"a": 2 * one, "b": one})):
        both = merge_penalty(first, importance, weights)
        assert float(merged_penalty(both, {"a": 4 * one, "b": 3 * one})) == 2 * (3**2 + 2**2 + 2**2)
    third = merge_penalty(merge_penalty(first, {"a": one}, {"a": one}), {"b": one}, {"b": 3 * one})
    assert float(merged_penalty(third, {"a": one, "b": 2 * one})) == 2 * (1 + 1)


def test_names_and_shapes_must_fit() -> None:
    one = torch.ones(2)
    with pytest.raises(InputError, match="got none for 'b'"):
        merge_penalty(None, {"a": one, "b": one}, {"a": one})
    merged = merge_penalty(None, {"a": one}, {"a": one})
    with pytest.raises(InputError, match=r"'a' of shape \[3\]"):
        merge_penalty(merged, {"a": torch.ones(3)}, {"a": torch.ones(3)})
    with pytest.raises(InputError, match="got none for a"):
        merged_penalty(merged, {"b": one})


def test_ewc_goes_on_after_a_parameter_is_frozen() -> None:
    model, ids = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)), torch.tensor([0, 1])
    task = Experience([torch.randn(2, 3)], lambda m, x: m(x), lambda x: ids)
    strategy = EWC(1.0)
    strategy.before_task(model, task)
    strategy.after_task(model, task)
    model[0].weight.requires_grad_(False)
    strategy.before_task(model, task)
    strategy.after_task(model, task)
    again = EWC(1.0)
    again.load_state_dict(strategy.state_dict(), model)
    with torch.no_grad():
        before = float(again.penalty(model))
        model[0].weight.add_(1)
        assert float(again.penalty(model)) > before + 1e-4
