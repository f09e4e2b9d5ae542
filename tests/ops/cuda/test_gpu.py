"""The CUDA operators on a GPU: against the plain PyTorch forms in float64 on the CPU, in all types.

Whoever has a GPU checks the kernels with ``GRAPHKIT_CUDA=1 python -m pytest tests/ops/cuda/test_gpu.py``.
"""

import math
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import describe, factor_aggregate, segment_max, segment_softmax, segment_sum
from graphkit.ops._cuda import CUDA_TYPES
from graphkit.ops.factor_aggregate import factor_aggregate_reference
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from tests.ops.cuda.launchers import assert_close

EMULATED = "tests.ops.cuda.emulated_operators" in sys.modules  # the CPU plays a GPU
SERVED = next(row for row in describe() if row.operator == "segment_sum")
if not EMULATED and not torch.cuda.is_available():
    pytest.skip("no GPU is seen", allow_module_level=True)
if not EMULATED and SERVED.cuda_backend != "native":
    pytest.skip(f"{SERVED.cuda_reason}; {SERVED.cuda_remedy}", allow_module_level=True)

OPERATORS = [segment_sum, segment_max, segment_softmax]
REFERENCES = {
    segment_sum: segment_sum_reference,
    segment_max: lambda x, ptr: segment_max_reference(x, ptr)[0],
    segment_softmax: segment_softmax_reference,
}


@pytest.fixture
def device() -> str:
    """Where the CUDA kernels are."""
    return "cpu" if EMULATED else "cuda"


@pytest.fixture
def scale() -> int:
    """How large inputs are: an emulated GPU is a slow one."""
    return 30 if EMULATED else 5000


def first(out: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return out[0] if isinstance(out, tuple) else out


def random_segments(lengths: str, scale: int) -> Tensor:
    """``ptr`` of some 20 * scale rows."""
    generator = torch.Generator().manual_seed(scale)
    if lengths == "one":
        return torch.tensor([0, 0, 20 * scale, 20 * scale])
    short = torch.randint(0, 12, (2 * scale,), generator=generator)
    if lengths == "mixed":  # some long, most short, many empty
        short = torch.where(torch.rand(2 * scale, generator=generator) < 0.3, 0, short)
        short[:: scale // 2] = torch.randint(200, 10 * scale, (short[:: scale // 2].numel(),), generator=generator)
    return torch.cat([torch.zeros(1, dtype=torch.int64), short.cumsum(0)])


@pytest.mark.parametrize("dtype", CUDA_TYPES)
@pytest.mark.parametrize("lengths", ["short", "mixed", "one"])
@pytest.mark.parametrize("shape", [(), (3,), (8,), (2, 32), (257,)])
def test_segments(device: str, scale: int, lengths: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    ptr = random_segments(lengths, scale)
    generator = torch.Generator().manual_seed(len(lengths))
    x = (2 * torch.randn(int(ptr[-1]), *shape, generator=generator, dtype=torch.float64)).to(dtype)
    for operator in OPERATORS:
        ours, exact = x.to(device).requires_grad_(), x.double().requires_grad_()
        out, expected = first(operator(ours, ptr.to(device))), REFERENCES[operator](exact, ptr)
        assert out.dtype == dtype and out.device.type == device
        assert_close(out.cpu().detach(), expected.detach())
        weight = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(dtype)
        (grad,) = torch.autograd.grad(out, ours, weight.to(device))
        if operator is segment_softmax:  # the gradient starts from the rounded weights
            exact, y = weight.double(), out.cpu().detach().double()
            dots = segment_sum_reference(y * exact, ptr)
            expected_grad = y * (exact - torch.repeat_interleave(dots, ptr.diff(), dim=0))
        else:
            (expected_grad,) = torch.autograd.grad(expected, exact, weight.double())
        assert_close(grad.cpu(), expected_grad)
        if operator is segment_max:
            assert torch.equal(operator(ours, ptr.to(device))[1].cpu(), segment_max_reference(x, ptr)[1])


@pytest.mark.parametrize("dtype", CUDA_TYPES)
@pytest.mark.parametrize("per_factor", [False, True])
@pytest.mark.parametrize("factors, width", [(8, 64), (3, 5), (9, 16), (1, 300), (17, 1)])
def test_factor_aggregate(
    device: str, scale: int, factors: int, width: int, per_factor: bool, dtype: torch.dtype
) -> None:
    nodes, edges = scale, 10 * scale
    generator = torch.Generator().manual_seed(factors)
    shapes = [(nodes, factors, width) if per_factor else (nodes, width), (nodes, factors), (nodes, factors)]
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    edge_index = torch.randint(nodes, (2, edges), generator=generator)
    edge_index[:, : edges // 3] = torch.where(edge_index[:, : edges // 3] % 2 == 0, 1, edge_index[:, : edges // 3])
    ours = [x.to(device).requires_grad_() for x in inputs]
    exact = [x.double().requires_grad_() for x in inputs]
    out = factor_aggregate(*ours, edge_index.to(device), gain=1.3)
    expected = factor_aggregate_reference(*exact, edge_index, 1.3)
    assert out.dtype == dtype and out.device.type == device
    assert_close(out.cpu().detach(), expected.detach())
    weight = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(dtype)
    grads = torch.autograd.grad(out, ours, weight.to(device))
    for grad, other in zip(grads, torch.autograd.grad(expected, exact, weight.double()), strict=True):
        assert_close(grad.cpu(), other)


@pytest.mark.parametrize("dtype", CUDA_TYPES)
def test_two_runs_give_the_same_bits(device: str, scale: int, dtype: torch.dtype) -> None:
    ptr = random_segments("mixed", scale).to(device)
    x = torch.randn(int(ptr[-1]), 24).to(dtype).to(device)
    h, terms = torch.randn(scale, 24).to(dtype).to(device), torch.randn(scale, 5).to(dtype).to(device)
    edge_index = torch.randint(scale, (2, 10 * scale)).to(device)
    edge_index[:, : 3 * scale] = 1
    calls: list[tuple[Callable, Tensor]] = [(lambda x, o=o: first(o(x, ptr)), x) for o in OPERATORS]
    calls += [(lambda h: factor_aggregate(h, terms, terms, edge_index), h)]
    for call, given in calls:
        results = []
        for _ in range(2):
            given = given.detach().requires_grad_()
            out = call(given)
            results.append((out.detach(), *torch.autograd.grad((out * out.detach().cos()).sum(), given)))
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("operator", OPERATORS)
def test_nan_and_infinity(device: str, operator: Callable) -> None:
    x = torch.randn(40, 4)
    x[3, 0], x[25, 1], x[20:40, 2] = math.nan, math.inf, -math.inf
    ptr = torch.tensor([0, 20, 20, 40])
    out = first(operator(x.to(device), ptr.to(device))).cpu()
    torch.testing.assert_close(out, REFERENCES[operator](x, ptr), equal_nan=True)


@pytest.mark.parametrize("operator", OPERATORS)
def test_layouts_and_empty_inputs(device: str, operator: Callable) -> None:
    x = torch.randn(12, 3, 5, device=device)
    ptr = torch.tensor([0, 3, 3, 4, 12], device=device)
    expected = first(operator(x, ptr))
    strided = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert torch.equal(first(operator(strided, ptr.int())), expected)
    later = torch.cat([x.new_zeros(1), x.flatten()])[1:].view_as(x)  # does not begin at a multiple of 16 bytes
    assert torch.equal(first(operator(later, ptr)), expected)
    for shape, cuts in (((0, 3), [0]), ((0, 3), [0, 0, 0]), ((4, 0), [0, 1, 4])):
        empty = torch.randn(shape, device=device, requires_grad=True)
        out = first(operator(empty, torch.tensor(cuts, device=device)))
        assert out.shape[1:] == shape[1:] and not out.any()
        out.sum().backward()
        assert empty.grad is not None and empty.grad.shape == shape


def test_gradients_numerically(device: str) -> None:
    x = torch.randn(7, 2, device=device, dtype=torch.float64, requires_grad=True)
    ptr = torch.tensor([0, 3, 3, 7], device=device)
    for operator in (segment_sum, segment_softmax):
        assert torch.autograd.gradcheck(operator, (x, ptr))
        assert torch.autograd.gradgradcheck(operator, (x, ptr))
    assert torch.autograd.gradcheck(lambda x: segment_max(x, ptr)[0], (x,))
    edge_index = torch.randint(4, (2, 9), device=device)
    for shape in ((4, 3), (4, 2, 3)):
        inputs = [torch.randn(s, device=device, dtype=torch.float64) for s in (shape, (4, 2), (4, 2))]
        inputs = [t.requires_grad_() for t in inputs]
        assert torch.autograd.gradcheck(lambda *t: factor_aggregate(*t, edge_index, gain=1.5), inputs)
        assert torch.autograd.gradgradcheck(lambda *t: factor_aggregate(*t, edge_index, gain=1.5), inputs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_opcheck(device: str) -> None:
    ops = torch.ops.graphkit
    x = torch.randn(7, 3, device=device, dtype=torch.float64, requires_grad=True)
    ptr = torch.tensor([0, 2, 2, 7], device=device)
    torch.library.opcheck(ops.segment_sum.default, (x, ptr))
    torch.library.opcheck(ops.segment_expand.default, (x[:3], ptr, 7))
    torch.library.opcheck(ops.segment_max.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax_backward.default, (x, x, ptr))
    edges = torch.randint(7, (2, 20), device=device)
    colptr, row = ops.group_edges(edges[1], edges[0], 7)
    inputs = (x, x, x, colptr, row, *ops.transpose_edges(colptr, row), 1.5)
    torch.library.opcheck(ops.factor_aggregate.default, inputs)
    grad = torch.randn(7, 3, 3, device=device, dtype=torch.float64)
    torch.library.opcheck(ops.factor_aggregate_backward.default, (grad, *inputs))


def test_mistakes_are_errors_and_the_device_lives_on(device: str) -> None:
    x = torch.ones(4, 2, device=device)
    mistakes = {"must not fall": [0, 3, 2, 4], "must begin with 0": [1, 2, 4], "got 0 and 9": [0, 9]}
    for operator in OPERATORS:
        for message, cuts in mistakes.items():
            with pytest.raises(ValueError, match=message):
                operator(x, torch.tensor(cuts, device=device))
    for ends in ([[0], [4]], [[-1], [2]], [[4], [2]]):
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            factor_aggregate(x, x, x, torch.tensor(ends, device=device))
    assert segment_sum(x, torch.tensor([0, 4], device=device)).tolist() == [[4.0, 4.0]]


def test_edge_index_that_is_sorted(device: str) -> None:
    h, terms = torch.randn(50, 6, device=device), torch.randn(50, 3, device=device)
    plain = torch.randint(50, (2, 300), device=device)
    edge_index = EdgeIndex(plain, sparse_size=(50, 50)).sort_by("col").values
    expected = factor_aggregate(h, terms, terms, plain)
    for _ in range(2):  # the second time from what PyG and the operator remember
        given = h.clone().requires_grad_()
        out = factor_aggregate(given, terms, terms, edge_index)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
        out.sum().backward()


def test_compiles_without_a_break(device: str) -> None:
    x, ptr = torch.randn(40, 8, device=device, requires_grad=True), torch.tensor([0, 10, 10, 40], device=device)
    edge_index = torch.randint(40, (2, 90), device=device)

    def call(x: Tensor) -> Tensor:
        out = segment_sum(x, ptr) + segment_max(x, ptr)[0]
        return out.sum() + segment_softmax(x, ptr)[0].sum() + factor_aggregate(x, x, x, edge_index).tanh().sum()

    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    for ours, plain in zip(
        *((form(x), *torch.autograd.grad(form(x), x)) for form in (compiled, call)), strict=True
    ):
        torch.testing.assert_close(ours, plain)


def test_work_goes_to_the_current_stream(device: str) -> None:
    if device != "cuda":
        pytest.skip("an emulated GPU has no streams")
    ptr = torch.arange(0, 2**20 + 1, 16, device=device)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        x = torch.zeros(2**20, 64, device=device)
        torch.cuda._sleep(50_000_000)
        x += 1  # late: whoever does not wait in this stream reads zeros
        out = segment_sum(x, ptr)
    side.synchronize()
    assert bool((out == 16).all())


def test_captured_graphs(device: str) -> None:
    if device != "cuda":
        pytest.skip("an emulated GPU captures nothing")
    ptr = torch.tensor([0, 5, 5, 1000], device=device)
    edge_index = torch.randint(40, (2, 900), device=device)
    x, h = torch.randn(1000, 8, device=device), torch.randn(40, 8, device=device)

    def call() -> tuple[Tensor, ...]:
        out = torch.ops.graphkit.factor_aggregate(h, h, h, *edges)
        return (out, *(first(operator(x, ptr)) for operator in OPERATORS))

    edges = (*torch.ops.graphkit.group_edges(edge_index[1], edge_index[0], 40), None, None, 1.5)
    call()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = call()
    x.mul_(-0.5)
    h.mul_(2)
    graph.replay()
    for ours, plain in zip(captured, call(), strict=True):
        torch.testing.assert_close(ours, plain)


def test_from_a_graph_of_a_hub(device: str, scale: int) -> None:
    """All edges end at one node: its sum is spread over the whole GPU, and still that of the definition."""
    nodes = 10 * scale
    h = torch.randn(nodes, 16, dtype=torch.float64)
    terms = torch.randn(nodes, 2, dtype=torch.float64)
    edge_index = torch.stack([torch.arange(nodes), torch.zeros(nodes, dtype=torch.int64)])
    expected = (torch.sigmoid(terms + terms[0]).t() @ h)[None]
    out = factor_aggregate(*(t.float().to(device) for t in (h, terms, terms)), edge_index.to(device)).cpu()
    assert_close(out[:1], expected)
    assert not out[1:].any()
