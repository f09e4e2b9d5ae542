"""The three operators of skeleton clips against loops over sequences, frames and joints."""

import pytest
import torch
from torch import Tensor

from graphkit.ops import compare_joints, frame_window, mix_joints

DOUBLE = torch.float64
CASES = [([3, 1, 4], None), ([3, 3], 3), ([1, 1], 1), ([5], None)]


def bounds(lengths: list[int]) -> tuple[Tensor, list[tuple[int, int]]]:
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return ptr, list(zip(ptr.tolist(), ptr.tolist()[1:], strict=False))


@pytest.mark.parametrize(("lengths", "every"), CASES)
@pytest.mark.parametrize("shared", [False, True])
def test_mix_joints(lengths: list[int], every: int | None, shared: bool) -> None:
    ptr, spans = bounds(lengths)
    x = torch.randn(sum(lengths), 4, 2, 3, dtype=DOUBLE)
    weight = torch.randn(1 if shared else len(lengths), 2, 4, 4, dtype=DOUBLE)
    out = mix_joints(x, weight, ptr, every)
    expected = torch.zeros_like(x)
    for n, (a, b) in enumerate(spans):
        for f in range(a, b):
            for v in range(4):
                for u in range(4):
                    expected[f, v] += weight[0 if shared else n, :, u, v, None] * x[f, u]
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(("lengths", "every"), CASES)
def test_compare_joints(lengths: list[int], every: int | None) -> None:
    ptr, spans = bounds(lengths)
    a, b = torch.randn(2, sum(lengths), 4, 2, 3, dtype=DOUBLE)
    out = compare_joints(a, b, ptr, every)
    for n, (first, last) in enumerate(spans):
        for u in range(4):
            for v in range(4):
                expected = (a[first:last, u] * b[first:last, v]).sum(dim=(0, 2))
                torch.testing.assert_close(out[n, :, u, v], expected)


@pytest.mark.parametrize(("lengths", "every"), CASES)
def test_frame_window(lengths: list[int], every: int | None) -> None:
    ptr, spans = bounds(lengths)
    x = torch.randn(sum(lengths), 4, 2, 3, 5, dtype=DOUBLE)
    out = frame_window(x, ptr, every)
    zero = torch.zeros(4, 5, dtype=DOUBLE)
    for first, last in spans:
        inside = range(first, last)
        motion = {t: [x[t + 1, :, 1, j] - x[t, :, 1, j] for j in range(3)] for t in inside if t + 1 < last}
        for t in inside:
            own = [x[t + j - 1, :, 0, j] if t + j - 1 in inside else zero for j in range(3)]
            moved = [motion[t + j - 1][j] if t + j - 1 in motion else zero for j in range(3)]
            torch.testing.assert_close(out[t], torch.stack([sum(own), sum(moved)], dim=1))


def test_slices_of_a_wider_product_do_and_gradients_are_right() -> None:
    ptr = torch.tensor([0, 2, 5])
    wide = torch.randn(5, 3, 30, dtype=DOUBLE, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=DOUBLE, requires_grad=True)

    def run(wide: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        x, y = wide[..., :8].unflatten(2, (2, 4)), wide[..., 8:16].unflatten(2, (2, 4))
        window = wide[..., 18:30].unflatten(2, (2, 3, 2))
        return mix_joints(x, weight, ptr), compare_joints(x, y, ptr), frame_window(window, ptr)

    assert torch.autograd.gradcheck(run, (wide, weight))
    assert torch.autograd.gradgradcheck(run, (wide, weight))


def test_shapes_that_do_not_fit_are_refused() -> None:
    ptr, x = torch.tensor([0, 2]), torch.zeros(2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"`x` must be \[F, V, K, D\] \(got \[2, 3, 4\]\)"):
        mix_joints(x[..., 0], x, ptr)
    with pytest.raises(ValueError, match=r"`weight` must be \[N, 4, 3, 3\] as in `x` \(got \[1, 4, 3, 2\]\)"):
        mix_joints(x, torch.zeros(1, 4, 3, 2), ptr)
    with pytest.raises(ValueError, match=r"`a` and `b` must both be \[F, V, K, D\] \(got \[2, 3, 4, 5\] and"):
        compare_joints(x, x[..., :2], ptr)
    with pytest.raises(ValueError, match=r"`x` must be \[F, V, 2, 3, D\] \(got \[2, 3, 4, 5\]\)"):
        frame_window(x, ptr)
