import pytest
import torch
from torch import Tensor

from graphkit.ops import segment_max, segment_softmax, segment_sum
from graphkit.ops._segments import segment_ids

OPERATORS = [segment_sum, segment_max, segment_softmax]


def first(out: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return out[0] if isinstance(out, tuple) else out


def test_segment_ids():
    assert segment_ids(torch.tensor([0, 2, 2, 5]), 5).tolist() == [0, 0, 2, 2, 2]
    assert segment_ids(torch.tensor([0]), 0).tolist() == []


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "ptr, message",
    [
        ([1, 2, 4], "must begin with 0 and end with the number of rows in `x`, 4 \\(got 1 and 4\\)"),
        ([0, 2, 3], "got 0 and 3"),
        ([0, 2, 5], "got 0 and 5"),
        ([0, 3, 2, 4], "must not decrease \\(got 3 followed by 2 at position 2\\)"),
        ([0, 9, 4], "must not decrease \\(got 9 followed by 4"),
        ([0, -3, 4], "must not decrease \\(got 0 followed by -3"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ptr_must_rise_from_zero_to_the_number_of_rows(operator, ptr, message, dtype):
    with pytest.raises(ValueError, match=message) as error:
        operator(torch.ones(4, 2, dtype=dtype), torch.tensor(ptr))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("operator", OPERATORS)
def test_types_shapes_and_devices_are_checked(operator):
    x, ptr = torch.ones(4, 2), torch.tensor([0, 4])
    for bad, message in (
        ((torch.tensor(1.0), ptr), "at least one dimension"),
        ((x.bool(), ptr), "numbers \\(got torch.bool\\)"),
        ((x.to(torch.complex64), ptr), "numbers \\(got torch.complex64\\)"),
        ((x, ptr.float()), "`ptr` must be an integer tensor .* \\(got torch.float32 of shape \\[2\\]\\)"),
        ((x, ptr[None]), "of shape \\[1, 2\\]"),
        ((x, ptr[:0]), "of shape \\[0\\]"),
        ((x, ptr.to("meta")), "on the device of `x`, cpu \\(got meta\\)"),
    ):
        with pytest.raises(ValueError, match=message):
            operator(*bad)


def test_softmax_needs_floats():
    with pytest.raises(ValueError, match="floating point numbers \\(got torch.int64\\)"):
        segment_softmax(torch.ones(4, dtype=torch.int64), torch.tensor([0, 4]))


@pytest.mark.parametrize("operator", OPERATORS)
def test_layout_and_integer_type_do_not_matter(operator):
    x = torch.randn(12, 3, 5)
    ptr = torch.tensor([0, 3, 3, 4, 12])
    expected = first(operator(x, ptr))
    strided = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert not strided.is_contiguous()
    spread = torch.stack([ptr, ptr], dim=1)[:, 0]
    assert not spread.is_contiguous()
    assert torch.equal(first(operator(strided, ptr)), expected)
    assert torch.equal(first(operator(x, spread)), expected)
    assert torch.equal(first(operator(x, ptr.int())), expected)
    assert torch.equal(first(operator(x.flatten(1), ptr)), expected.flatten(1))
    assert torch.equal(first(operator(x[:, 0, 0], ptr)), expected[:, 0, 0])
    grads = []
    for form in (x, strided):
        form = form.detach().requires_grad_()
        grads.append(torch.autograd.grad((first(operator(form, ptr)) * expected.cos()).sum(), form)[0])
    assert torch.equal(grads[0], grads[1])


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize(
    "shape, ptr", [((0, 3), [0]), ((0, 3), [0, 0, 0]), ((4, 0), [0, 1, 4]), ((0,), [0]), ((4, 2, 0), [0, 4])]
)
def test_empty_inputs(operator, shape, ptr):
    x = torch.randn(shape, requires_grad=True)
    out = first(operator(x, torch.tensor(ptr)))
    rows = shape[0] if operator is segment_softmax else len(ptr) - 1
    assert torch.equal(out, torch.zeros(rows, *shape[1:]))
    out.sum().backward()
    assert x.grad is not None and x.grad.shape == shape


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("lengths", ["short", "long", "mixed"])
def test_two_runs_and_any_number_of_threads_give_the_same_bits(native, operator, lengths):
    """Enough rows for several threads, and a segment that they share."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60_000, 9, generator=generator)
    cuts = {
        "short": torch.randint(60_001, (8000,), generator=generator).sort().values,
        "long": torch.empty(0, dtype=torch.int64),
        "mixed": torch.randint(20_000, (2000,), generator=generator).sort().values,
    }[lengths]
    ptr = torch.cat([torch.tensor([0]), cuts, torch.tensor([60_000])])
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            rows = x.clone().requires_grad_()
            out = first(operator(rows, ptr))
            (grad,) = torch.autograd.grad((out * out.detach().cos()).sum(), rows)
            results.append((out.detach(), grad))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("shape, ptr", [((7, 3), [0, 2, 2, 7]), ((5,), [0, 5]), ((0, 2), [0, 0])])
def test_opcheck(native, shape, ptr):
    ops = torch.ops.graphkit
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    ptr = torch.tensor(ptr)
    values = torch.randn(ptr.numel() - 1, *shape[1:], dtype=torch.float64, requires_grad=True)
    grad = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(ops.segment_sum.default, (x, ptr))
    torch.library.opcheck(ops.segment_expand.default, (values, ptr, shape[0]))
    torch.library.opcheck(ops.segment_max.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax_backward.default, (grad, x, ptr))


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiles_without_a_break(operator, backend):
    x = torch.randn(9, 4, requires_grad=True)

    def call(x: Tensor, ptr: Tensor) -> Tensor:
        return torch.tanh(first(operator(x, ptr)))

    torch.compiler.reset()  # one function here is many to the compiler
    compiled = torch.compile(call, fullgraph=True, backend=backend, dynamic=backend == "aot_eager")
    for cuts in ([0, 2, 2, 9], [0, 4, 9]) if backend == "aot_eager" else ([0, 2, 2, 9],):
        results = []
        for form in (compiled, call):
            out = form(x, torch.tensor(cuts))
            results.append((out, *torch.autograd.grad(out.square().sum(), x)))
        for ours, plain in zip(*results, strict=True):
            torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("operator", OPERATORS)
def test_exports(operator):
    class Module(torch.nn.Module):
        def forward(self, x: Tensor, ptr: Tensor) -> Tensor:
            return first(operator(x, ptr))

    inputs = (torch.randn(9, 4), torch.tensor([0, 2, 2, 9]))
    program = torch.export.export(Module(), inputs)
    assert torch.equal(program.module()(*inputs), first(operator(*inputs)))


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_served_by_the_reference(operator, dtype):
    x = torch.randn(12, 3).to(dtype)
    ptr = torch.tensor([0, 3, 3, 12])
    out = first(operator(x, ptr))
    assert out.dtype == dtype
    torch.testing.assert_close(out, first(operator(x.float(), ptr)).to(dtype))


@pytest.mark.parametrize("operator", OPERATORS)
def test_kernels_refuse_what_the_checks_would_have_caught(native, operator):
    kernel = getattr(torch.ops.graphkit, operator.__name__)
    x = torch.ones(4, 2)
    for bad in ((x, torch.tensor([0, 5, 4])), (x, torch.tensor([0, 3])), (x.int(), torch.tensor([0, 4]))):
        with pytest.raises(RuntimeError, match="`ptr` must rise from 0 to the number of rows|`x` must be float32 or"):
            kernel(*bad)
    with pytest.raises(RuntimeError, match="`ptr` must hold one number more than `x` has rows"):
        torch.ops.graphkit.segment_expand(x, torch.tensor([0, 4]), 4)
    with pytest.raises(RuntimeError, match="`grad` must have the type, device and shape of the result"):
        torch.ops.graphkit.segment_softmax_backward(x[:, :1], x, torch.tensor([0, 4]))
