import torch

from graphkit.continual import MergedPenalty, merge_penalty, merged_penalty

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
        kept = sum(tensor.numel() for part in merged[:3] for tensor in part.values())
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
