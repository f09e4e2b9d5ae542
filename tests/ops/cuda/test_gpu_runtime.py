"""What holds for all operators on a GPU: gradients, fake kernels, errors, streams, captured graphs."""

import pytest
import torch
from torch import Tensor

from graphkit.ops import (
    edge_similarity,
    factor_aggregate,
    local_structure_divergence,
    path_attention,
    segment_max,
    segment_softmax,
    segment_sum,
)
from tests.ops.cuda.gpu import DEVICE, EMULATED, first, need_gpu

need_gpu()

OPERATORS = [segment_sum, segment_max, segment_softmax]


def test_gradients_numerically() -> None:
    x = torch.randn(7, 2, device=DEVICE, dtype=torch.float64, requires_grad=True)
    ptr = torch.tensor([0, 3, 3, 7], device=DEVICE)
    for operator in (segment_sum, segment_softmax):
        assert torch.autograd.gradcheck(operator, (x, ptr))
        assert torch.autograd.gradgradcheck(operator, (x, ptr))
    assert torch.autograd.gradcheck(lambda x: segment_max(x, ptr)[0], (x,))
    edge_index = torch.randint(4, (2, 9), device=DEVICE)
    for shape in ((4, 3), (4, 2, 3)):
        inputs = [torch.randn(s, device=DEVICE, dtype=torch.float64) for s in (shape, (4, 2), (4, 2))]
        inputs = [t.requires_grad_() for t in inputs]
        assert torch.autograd.gradcheck(lambda *t: factor_aggregate(*t, edge_index, gain=1.5), inputs)
        assert torch.autograd.gradgradcheck(lambda *t: factor_aggregate(*t, edge_index, gain=1.5), inputs)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_gradients_of_paths_numerically(pool: str) -> None:
    shapes = [(4, 2, 3), (2, 3), (4, 2), (9, 2)]
    inputs = [torch.randn(s, device=DEVICE, dtype=torch.float64).requires_grad_() for s in shapes]
    path_index = torch.randint(4, (3, 9), device=DEVICE)

    def call(h: Tensor, att: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return path_attention(h, path_index, att, target, pool=pool, weight=weight, return_attention=True)

    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("kernel", ["rbf", "linear", "l1exp"])
def test_gradients_of_similarities_numerically(kernel: str) -> None:
    edge_index = torch.randint(5, (2, 12), device=DEVICE)
    z, other = (torch.randn(5, width, device=DEVICE, dtype=torch.float64).requires_grad_() for width in (3, 2))
    assert torch.autograd.gradcheck(lambda z: edge_similarity(z, edge_index, kernel), (z,))
    assert torch.autograd.gradgradcheck(lambda z: edge_similarity(z, edge_index, kernel), (z,))
    assert torch.autograd.gradcheck(lambda *t: local_structure_divergence(*t, edge_index, kernel), (z, other))
    assert torch.autograd.gradgradcheck(lambda *t: local_structure_divergence(*t, edge_index, kernel), (z, other))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_opcheck() -> None:
    ops = torch.ops.graphkit
    x = torch.randn(7, 3, device=DEVICE, dtype=torch.float64, requires_grad=True)
    ptr = torch.tensor([0, 2, 2, 7], device=DEVICE)
    torch.library.opcheck(ops.segment_sum.default, (x, ptr))
    torch.library.opcheck(ops.segment_expand.default, (x[:3], ptr, 7))
    torch.library.opcheck(ops.segment_max.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax.default, (x, ptr))
    torch.library.opcheck(ops.segment_softmax_backward.default, (x, x, ptr))
    edges = torch.randint(7, (2, 20), device=DEVICE)
    colptr, row = ops.group_edges(edges[1], edges[0], 7)
    inputs = (x, x, x, colptr, row, *ops.transpose_edges(colptr, row), 1.5)
    torch.library.opcheck(ops.factor_aggregate.default, inputs)
    grad = torch.randn(7, 3, 3, device=DEVICE, dtype=torch.float64)
    torch.library.opcheck(ops.factor_aggregate_backward.default, (grad, *inputs))
    torch.library.opcheck(ops.edge_similarity.default, (x, edges[0], edges[1], 1))
    torch.library.opcheck(ops.edge_similarity_backward.default, (x[:, 0].repeat(3)[:20], x, edges[0], edges[1], 1))
    torch.library.opcheck(ops.local_structure_divergence.default, (x[:, 0], x[:, 1], ptr))
    torch.library.opcheck(ops.local_structure_divergence_backward.default, (x[:3, 2], x[:, 0], x[:, 1], ptr))


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_opcheck_of_paths(dtype: torch.dtype) -> None:
    """With 16-bit features too: what the two passes share is in float32 then."""
    ops = torch.ops.graphkit
    utils = "test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"
    utils = utils if dtype == torch.float64 else utils[:3]
    ptr, paths = ops.group_paths(torch.randint(6, (3, 15), device=DEVICE), 6)
    shapes = [(6, 2, 4), (2, 4), (6, 2), (15, 2)]
    inputs = [torch.randn(s, device=DEVICE, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]
    arguments = (*inputs, ptr, paths)
    torch.library.opcheck(ops.path_attention.default, (*arguments, False, 0.2, True), test_utils=utils)
    results = tuple(t.detach() for t in ops.path_attention(*arguments, False, 0.2, True))
    grads = [torch.randn_like(t) for t in results[:2]]
    backward = (*grads, *arguments, *results, False, 0.2, True)
    torch.library.opcheck(ops.path_attention_backward.default, backward, test_utils=utils)


def test_mistakes_are_errors_and_the_device_lives_on() -> None:
    x = torch.ones(4, 2, device=DEVICE)
    mistakes = {"must not fall": [0, 3, 2, 4], "must begin with 0": [1, 2, 4], "got 0 and 9": [0, 9]}
    for operator in OPERATORS:
        for message, cuts in mistakes.items():
            with pytest.raises(ValueError, match=message):
                operator(x, torch.tensor(cuts, device=DEVICE))
    for ends in ([[0], [4]], [[-1], [2]], [[4], [2]]):
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            factor_aggregate(x, x, x, torch.tensor(ends, device=DEVICE))
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            path_attention(x[:, None], torch.tensor(ends, device=DEVICE), x[:1], x[:, :1])
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            edge_similarity(x, torch.tensor(ends, device=DEVICE))
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            local_structure_divergence(x, x, torch.tensor(ends, device=DEVICE))
    assert segment_sum(x, torch.tensor([0, 4], device=DEVICE)).tolist() == [[4.0, 4.0]]


def test_compiles_without_a_break() -> None:
    x, ptr = torch.randn(40, 8, device=DEVICE, requires_grad=True), torch.tensor([0, 10, 10, 40], device=DEVICE)
    edge_index = torch.randint(40, (2, 90), device=DEVICE)

    def call(x: Tensor) -> Tensor:
        out = segment_sum(x, ptr) + segment_max(x, ptr)[0]
        paths = path_attention(x.view(40, 2, 4), edge_index, x[:2, :4], x[:, :2])
        numbers = out.sum() + segment_softmax(x, ptr)[0].sum() + factor_aggregate(x, x, x, edge_index).tanh().sum()
        return numbers + paths.square().sum() + local_structure_divergence(x, x.square(), edge_index)

    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    for ours, plain in zip(
        *((form(x), *torch.autograd.grad(form(x), x)) for form in (compiled, call)), strict=True
    ):
        torch.testing.assert_close(ours, plain)


def test_work_goes_to_the_current_stream() -> None:
    if EMULATED:
        pytest.skip("an emulated GPU has no streams")
    ptr = torch.arange(0, 2**20 + 1, 16, device=DEVICE)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        x = torch.zeros(2**20, 64, device=DEVICE)
        torch.cuda._sleep(50_000_000)
        x += 1  # late: whoever does not wait in this stream reads zeros
        out = segment_sum(x, ptr)
    side.synchronize()
    assert bool((out == 16).all())


def test_captured_graphs() -> None:
    if EMULATED:
        pytest.skip("an emulated GPU captures nothing")
    ptr = torch.tensor([0, 5, 5, 1000], device=DEVICE)
    edge_index = torch.randint(40, (2, 900), device=DEVICE)
    x, h = torch.randn(1000, 8, device=DEVICE), torch.randn(40, 8, device=DEVICE)

    def call() -> tuple[Tensor, ...]:
        scores = edge_similarity(h, edge_index)
        paths = path_attention(h.view(40, 2, 4), edge_index, h[:2, :4], h[:, :2])
        return (scores, paths, factor_aggregate(h, h, h, edge_index), *(first(o(x, ptr)) for o in OPERATORS))

    call()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = call()
    x.mul_(-0.5)
    h.mul_(2)
    graph.replay()
    for ours, plain in zip(captured, call(), strict=True):
        torch.testing.assert_close(ours, plain)
