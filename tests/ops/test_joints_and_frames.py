"""The three operators of skeleton clips against loops over sequences, frames and joints."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops import joint_affinity, joint_mix, temporal_conv3
from graphkit.ops._clips import sum_type
from graphkit.ops.joints import joint_affinity_reference, joint_mix_reference
from graphkit.ops.temporal_conv3 import temporal_conv3_reference

DOUBLE = torch.float64
CASES = [([3, 1, 4], None), ([3, 3], 3), ([1, 1], 1), ([5], None)]


def bounds(lengths: list[int]) -> tuple[Tensor, list[tuple[int, int]]]:
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    return ptr, list(zip(ptr.tolist(), ptr.tolist()[1:], strict=False))


@pytest.mark.parametrize(("lengths", "every"), CASES)
@pytest.mark.parametrize("shared", [False, True])
def test_joint_mix(lengths: list[int], every: int | None, shared: bool) -> None:
    ptr, spans = bounds(lengths)
    x = torch.randn(sum(lengths), 4, 2, 3, dtype=DOUBLE)
    weight = torch.randn(1 if shared else len(lengths), 2, 4, 4, dtype=DOUBLE)
    out = joint_mix(x, weight, ptr, every)
    expected = torch.zeros_like(x)
    for n, (a, b) in enumerate(spans):
        for f in range(a, b):
            for v in range(4):
                for u in range(4):
                    expected[f, v] += weight[0 if shared else n, :, u, v, None] * x[f, u]
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(("lengths", "every"), CASES)
def test_joint_affinity(lengths: list[int], every: int | None) -> None:
    ptr, spans = bounds(lengths)
    a, b = torch.randn(2, sum(lengths), 4, 2, 3, dtype=DOUBLE)
    out = joint_affinity(a, b, ptr, every)
    for n, (first, last) in enumerate(spans):
        for u in range(4):
            for v in range(4):
                expected = (a[first:last, u] * b[first:last, v]).sum(dim=(0, 2))
                torch.testing.assert_close(out[n, :, u, v], expected)


@pytest.mark.parametrize(("lengths", "every"), CASES)
def test_temporal_conv3(lengths: list[int], every: int | None) -> None:
    ptr, spans = bounds(lengths)
    x = torch.randn(sum(lengths), 4, 2, 3, 5, dtype=DOUBLE)
    out = temporal_conv3(x, ptr, every)
    zero = torch.zeros(4, 5, dtype=DOUBLE)
    for first, last in spans:
        inside = range(first, last)
        motion = {t: [x[t + 1, :, 1, j] - x[t, :, 1, j] for j in range(3)] for t in inside if t + 1 < last}
        for t in inside:
            values = [x[t + j - 1, :, 0, j] if t + j - 1 in inside else zero for j in range(3)]
            moved = [motion[t + j - 1][j] if t + j - 1 in motion else zero for j in range(3)]
            torch.testing.assert_close(out[t], torch.stack([sum(values), sum(moved)], dim=1))


def test_slices_of_a_wider_product_do_and_gradients_are_right() -> None:
    ptr = torch.tensor([0, 2, 5])
    wide = torch.randn(5, 3, 30, dtype=DOUBLE, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=DOUBLE, requires_grad=True)

    def run(wide: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        x, y = wide[..., :8].unflatten(2, (2, 4)), wide[..., 8:16].unflatten(2, (2, 4))
        window = wide[..., 18:30].unflatten(2, (2, 3, 2))
        return joint_mix(x, weight, ptr), joint_affinity(x, y, ptr), temporal_conv3(window, ptr)

    assert torch.autograd.gradcheck(run, (wide, weight), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (wide, weight), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("joints", "width"), [(25, 16), (20, 5), (1, 1), (17, 67)])
def test_native_and_plain_forms_agree(native: None, dtype: torch.dtype, joints: int, width: int) -> None:
    ptr = torch.tensor([0, 3, 3, 4, 9])
    wide = torch.randn(9, joints, 9 * width, dtype=dtype)
    x, y = wide[..., : 2 * width].unflatten(2, (2, width)), wide[..., width : 3 * width].unflatten(2, (2, width))
    window = wide[..., 3 * width :].unflatten(2, (2, 3, width))
    weight, bias = torch.randn(4, 2, joints, joints).to(sum_type(x)), torch.randn(2, width).to(sum_type(x))
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-12, torch.bfloat16: 0.05}[dtype]
    for ours, plain in (
        (joint_mix(x, weight, ptr, None, bias, True), (joint_mix_reference(x, weight, ptr) + bias.to(dtype)).relu()),
        (joint_mix(x, weight[:1], ptr), joint_mix_reference(x, weight[:1], ptr)),
        (joint_affinity(x, y, ptr), joint_affinity_reference(x, y, ptr)),
        (
            temporal_conv3(window, ptr, None, bias, True),
            (temporal_conv3_reference(window, ptr) + bias.to(dtype)).relu(),
        ),
    ):
        scale = max(1.0, float(plain.abs().max()))
        assert ours.dtype == plain.dtype and ours.shape == plain.shape
        torch.testing.assert_close(ours / scale, plain / scale, atol=tolerance, rtol=tolerance)


def test_bfloat16_is_rounded_to_the_nearest_and_keeps_what_is_no_number(native: None) -> None:
    ptr = torch.tensor([0, 1])
    values = torch.tensor([1.0, -3.5, 1e30, torch.inf, -torch.inf, torch.nan, 1e-40, 0.0]).bfloat16()
    x = values.view(1, 1, 1, -1)
    for factor in (1.0, 1.00390625, 1.01171875, 0.3):  # the second and third are half-way between two numbers
        out = joint_mix(x, torch.full((1, 1, 1, 1), factor), ptr).flatten()
        expected = (values.float() * factor).bfloat16()
        assert torch.equal(out.nan_to_num(7.0), expected.nan_to_num(7.0)) and bool(out[5].isnan())


@pytest.mark.parametrize("every", [None, 2])
def test_operators_hold_to_the_rules_of_operators(native: None, every: int | None) -> None:
    ptr = torch.tensor([0, 2, 4])
    x = torch.randn(4, 3, 2, 5, dtype=DOUBLE, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=DOUBLE, requires_grad=True)
    window = torch.randn(4, 3, 2, 3, 5, dtype=DOUBLE, requires_grad=True)
    operators = torch.ops.graphkit
    torch.library.opcheck(operators.joint_mix.default, (x, weight, ptr, None, False))
    torch.library.opcheck(operators.joint_affinity.default, (x, x.detach().clone(), ptr))
    torch.library.opcheck(operators.temporal_conv3.default, (window, ptr, None, False))
    torch.library.opcheck(operators.temporal_conv3_transposed.default, (x, ptr))

    def run(x: Tensor, weight: Tensor, window: Tensor) -> Tensor:
        out = joint_mix(x, weight, ptr, every) + temporal_conv3(window, ptr, every)
        return out.sum() + joint_affinity(x, out, ptr, every).sum()

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, weight, window), run(x, weight, window))


def test_results_do_not_depend_on_the_number_of_threads(native: None) -> None:
    ptr = torch.arange(0, 401, 20)
    x, window = torch.randn(400, 20, 4, 16), torch.randn(400, 20, 2, 3, 16)
    weight = torch.randn(20, 4, 20, 20)
    results = []
    for threads in (1, 4):
        torch.set_num_threads(threads)
        results.append((joint_mix(x, weight, ptr), joint_affinity(x, x, ptr), temporal_conv3(window, ptr)))
    torch.set_num_threads(1)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def calls(ptr: Tensor, every: int | None = None, dtype: torch.dtype = torch.float32) -> list[Callable[[], Tensor]]:
    """The operators on four frames, as calls."""
    x, weight = torch.ones(4, 3, 2, 5, dtype=dtype), torch.ones(1, 2, 3, 3)
    window = torch.ones(4, 3, 2, 3, 5, dtype=dtype)
    return [
        lambda: joint_mix(x, weight, ptr, every),
        lambda: joint_affinity(x, x, ptr, every),
        lambda: temporal_conv3(window, ptr, every),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("index", [torch.int64, torch.int32])
@pytest.mark.parametrize(
    "values, message",
    [
        ([0, 3, 2, 4], "`ptr` must not decrease \\(got 3 followed by 2 at position 2\\)"),
        ([0, 50_000_000, 4], "`ptr` must not decrease \\(got 50000000 followed by 4 at position 2\\)"),
        ([0, -(2**31), 4], "`ptr` must not decrease"),
        ([1, 4], "must begin with 0 and end with the number of frames, 4 \\(got 1 and 4\\)"),
        ([0, 3], "\\(got 0 and 3\\)"),
        ([0, 5], "\\(got 0 and 5\\)"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(
    values: list[int], message: str, index: torch.dtype, dtype: torch.dtype
) -> None:
    for call in calls(torch.tensor(values, dtype=index), None, dtype):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(
    "every, message",
    [
        (0, "`every` must be the number of frames of each of the 2 sequences, which have 4 together \\(got 0\\)"),
        (-2, "\\(got -2\\)"),
        (3, "\\(got 3\\)"),
        (2.0, "\\(got 2.0\\)"),
        (2, "`every` must be None where sequences differ in length"),
    ],
)
def test_a_number_of_frames_that_does_not_fit_is_refused(every: int, message: str, dtype: torch.dtype) -> None:
    for call in calls(torch.tensor([0, 1, 4]), every, dtype):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("ptr", [torch.empty(0, dtype=torch.long), torch.tensor([0.0, 4.0]), torch.tensor([[0, 4]])])
def test_what_is_no_list_of_starts_is_refused(ptr: Tensor) -> None:
    for call in calls(ptr):
        with pytest.raises(InputError, match="`ptr` must be an integer tensor .*, where each of S sequences starts"):
            call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_type_and_the_layout_of_the_starts_do_not_matter(dtype: torch.dtype) -> None:
    ptr = torch.tensor([0, 1, 4, 4])  # the last sequence is empty
    for form in (ptr.int(), torch.stack([ptr, ptr], dim=1)[:, 0]):
        for call, expected in zip(calls(form, None, dtype), calls(ptr, None, dtype), strict=True):
            assert torch.equal(call(), expected())


def test_types_and_devices_that_do_not_fit_are_refused() -> None:
    ptr, x, window = torch.tensor([0, 4]), torch.ones(4, 3, 2, 5), torch.ones(4, 3, 2, 3, 5)
    weight = torch.ones(1, 2, 3, 3)
    for call, message in (
        (lambda: joint_mix(x.long(), weight, ptr), "`x` must be a float tensor"),
        (lambda: joint_mix(None, weight, ptr), "`x` must be a tensor \\(got NoneType\\)"),
        (lambda: joint_mix(x, weight.to("meta"), ptr), "`weight` must be on the device of `x`, cpu \\(got meta\\)"),
        (lambda: joint_mix(x, weight, ptr, bias=torch.ones(2, 5).to("meta")), "`bias` must be on the device"),
        (lambda: joint_mix(x, weight, ptr, rectify=None), "`rectify` must be True or False \\(got None\\)"),
        (lambda: joint_affinity(x, x.to("meta"), ptr), "on one device"),
        (lambda: joint_affinity(x, x.to_sparse(), ptr), "`b` must be a dense tensor \\(got torch.sparse_coo\\)"),
        (lambda: temporal_conv3(window, ptr.to("meta")), "`ptr` must be on the device of `x`, cpu \\(got meta\\)"),
        (lambda: temporal_conv3(window, ptr, bias=torch.ones(2, 5).long()), "`bias` must be a float tensor"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_shapes_that_do_not_fit_are_refused() -> None:
    ptr, x = torch.tensor([0, 2]), torch.zeros(2, 3, 4, 5)
    with pytest.raises(ValueError, match=r"`x` must be \[F, V, K, D\] \(got \[2, 3, 4\]\)"):
        joint_mix(x[..., 0], x, ptr)
    with pytest.raises(ValueError, match=r"`weight` must be \[N, 4, 3, 3\] as in `x` \(got \[1, 4, 3, 2\]\)"):
        joint_mix(x, torch.zeros(1, 4, 3, 2), ptr)
    with pytest.raises(ValueError, match=r"`weight` must hold matrices for 1 sequences, or one \(got 2\)"):
        joint_mix(x, torch.zeros(2, 4, 3, 3), ptr)
    for call in (joint_mix, temporal_conv3):
        first = (x, torch.zeros(1, 4, 3, 3)) if call is joint_mix else (torch.zeros(2, 3, 2, 3, 5),)
        with pytest.raises(ValueError, match=r"`bias` must be \[[24], 5\] as in `x` \(got \[3\]\)"):
            call(*first, ptr, bias=torch.zeros(3))
    with pytest.raises(ValueError, match=r"`a` and `b` must both be \[F, V, K, D\] of one type and on one device"):
        joint_affinity(x, x[..., :2], ptr)
    with pytest.raises(ValueError, match=r"`x` must be \[F, V, 2, 3, D\] \(got \[2, 3, 4, 5\]\)"):
        temporal_conv3(x, ptr)
