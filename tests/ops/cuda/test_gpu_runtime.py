"""What holds for all operators on a GPU: gradients, fake kernels, errors, streams, captured graphs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphkit.ops import (
    aggregate,
    edge_similarity,
    factor_aggregate,
    local_structure_divergence,
    path_attention,
    segment_max,
    segment_softmax,
    segment_sum,
)
from graphkit.ops._cuda import has_cuda_kernel
from tests.ops.cuda.gpu import DEVICE, ON_GPU, SCALE, TYPES, first, need_gpu
from tests.ops.cuda.operators import OPERATORS, Graph, make_graph, make_inputs

need_gpu()

SEGMENTS = [segment_sum, segment_max, segment_softmax]


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_gradients_of_path_attention_numerically(pool: str) -> None:
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


def arguments_of(name: str) -> dict[str, tuple]:
    """Returns arguments for the operators of PyTorch that an operator is made of."""
    ops = torch.ops.graphkit
    x = torch.randn(7, 3, device=DEVICE, dtype=torch.float64, requires_grad=True)
    ptr, edges = torch.tensor([0, 2, 2, 7], device=DEVICE), torch.randint(7, (2, 20), device=DEVICE)
    grad = torch.randn(20, device=DEVICE, dtype=torch.float64)
    if name == "segment_sum":
        return {"segment_sum": (x, ptr), "segment_expand": (x[:3], ptr, 7)}
    if name == "segment_max":
        return {"segment_max": (x, ptr)}
    if name == "segment_softmax":
        return {"segment_softmax": (x, ptr), "segment_softmax_backward": (x, x, ptr)}
    if name == "edge_similarity":
        return {"edge_similarity": (x, *edges, 1), "edge_similarity_backward": (grad, x, *edges, 1)}
    if name == "local_structure_divergence":
        scores = (x[:, 0], x[:, 1], ptr)
        return {name: scores, f"{name}_backward": (grad[:3], *scores)}
    if name == "factor_aggregate":
        colptr, row = ops.group_edges(edges[1], edges[0], 7)
        inputs = (x, x, x, colptr, row, *ops.transpose_edges(colptr, row), 1.5)
        return {name: inputs, f"{name}_backward": (grad.new_ones(7, 3, 3), *inputs)}
    if name == "factor_aggregate_edges":
        ptr, rows = ops.group_neighbors(edges[1], edges[0], 7, 7, 0, True)
        other_ptr, other_rows = ops.transpose_neighbors(ptr, rows, 7)
        row, place, col, other_place = (column.long().contiguous() for t in (rows, other_rows) for column in t.t())
        terms = grad[:, None].expand(20, 3).clone().requires_grad_()
        inputs = (x, x, x, ptr, row, other_ptr, col, 1.5, terms, place, other_place)
        return {"factor_aggregate": inputs, "factor_aggregate_backward": (grad.new_ones(7, 3, 3), *inputs)}
    if name.startswith("aggregate"):
        ptr, rows = ops.group_neighbors(edges[1], edges[0], 7, 7, 0, True)
        forward = (ptr, rows, *ops.transpose_neighbors(ptr, rows, 7))
        features, weight, scale = x.detach()[:, None], grad[:, None].clone(), grad[:7].abs()
        if name == "aggregate_max":
            match = (features.clone().requires_grad_(), features, features, *forward)
            return {
                name: (features.clone().requires_grad_(), *forward, True),
                "aggregate_match": match,
                "aggregate_variance": (features.clone().requires_grad_(), *forward),
            }
        inputs = [t.requires_grad_() for t in (features, weight, features.sin())]
        return {
            name: (*inputs[:2], scale, scale, 0.5, *forward),
            "aggregate_dot": (inputs[0], inputs[2], scale, scale, *forward),
            "group_neighbors": (edges[1], edges[0], 7, 7, 2, True),
            "transpose_neighbors": (ptr, rows, 7),
        }
    clips, spans = x.view(7, 1, 3, 1).expand(7, 2, 3, 2), torch.tensor([0, 2, 7], device=DEVICE)
    if name == "temporal_conv3":
        window = x.view(7, 1, 1, 3, 1).expand(7, 2, 2, 3, 2)
        return {name: (window, spans, None, False), f"{name}_transposed": (window[:, :, :, 0], spans)}
    if name == "joint_mix":
        return {name: (clips, grad[:12].view(1, 3, 2, 2).expand(2, 3, 2, 2).clone(), spans, None, False)}
    return {"joint_affinity": (clips, clips.detach().sin(), spans)}


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "path_attention"])
def test_opcheck(name: str) -> None:
    if DEVICE == "cuda" and not has_cuda_kernel(name.removesuffix("_edges")):
        pytest.skip("there is no CUDA kernel of this operator")
    for operator, arguments in arguments_of(name).items():
        torch.library.opcheck(getattr(torch.ops.graphkit, operator).default, arguments)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("dtype", [dtype for dtype in (torch.float64, torch.float16) if dtype in TYPES])
def test_opcheck_of_path_attention(dtype: torch.dtype) -> None:
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


@pytest.mark.parametrize("operator", SEGMENTS)
def test_wrong_segments_are_errors_and_the_device_lives_on(operator: Callable) -> None:
    x = torch.ones(4, 2, device=DEVICE)
    for message, cuts in {"not decrease": [0, 3, 2, 4], "must begin with 0": [1, 2, 4], "got 0 and 9": [0, 9]}.items():
        with pytest.raises(ValueError, match=message):
            operator(x, torch.tensor(cuts, device=DEVICE))
    assert first(operator(x, torch.tensor([0, 4], device=DEVICE))).isfinite().all()


EDGES = {
    "aggregate": aggregate,
    "factor_aggregate": lambda x, ends: factor_aggregate(x, x, x, ends),
    "path_attention": lambda x, ends: path_attention(x[:, None], ends, x[:1], x[:, :1]),
    "edge_similarity": edge_similarity,
    "local_structure_divergence": lambda x, ends: local_structure_divergence(x, x, ends),
}


@pytest.mark.parametrize("name", EDGES)
def test_wrong_edges_are_errors_and_the_device_lives_on(name: str) -> None:
    x = torch.ones(4, 2, device=DEVICE)
    for ends in ([[0], [4]], [[-1], [2]], [[4], [2]]):
        with pytest.raises(ValueError, match="ids from 0 to 3"):
            EDGES[name](x, torch.tensor(ends, device=DEVICE))
    assert EDGES[name](x, torch.tensor([[0], [3]], device=DEVICE)).isfinite().all()


def test_a_function_of_all_compiles_without_a_break() -> None:
    x, ptr = torch.randn(40, 8, device=DEVICE, requires_grad=True), torch.tensor([0, 10, 10, 40], device=DEVICE)
    edge_index = torch.randint(40, (2, 90), device=DEVICE)

    def call(x: Tensor) -> Tensor:
        out = segment_sum(x, ptr) + segment_max(x, ptr)[0]
        paths = path_attention(x.view(40, 2, 4), edge_index, x[:2, :4], x[:, :2])
        numbers = out.sum() + segment_softmax(x, ptr)[0].sum() + factor_aggregate(x, x, x, edge_index).tanh().sum()
        return numbers + paths.square().sum() + local_structure_divergence(x, x.square(), edge_index)

    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    for ours, plain in zip(*((form(x), *torch.autograd.grad(form(x), x)) for form in (compiled, call)), strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("name", OPERATORS)
def test_work_goes_to_the_current_stream(name: str) -> None:
    if not ON_GPU:
        pytest.skip("streams are those of a GPU")
    operator, graph = OPERATORS[name], make_graph("plain", SCALE)
    inputs = [tensor.to(DEVICE) for tensor in make_inputs(operator, graph, torch.float32)]
    graph = Graph(*(tensor.to(DEVICE) for tensor in graph))
    expected = operator.ours(inputs, graph)
    torch.cuda.synchronize()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        late = [torch.zeros_like(tensor) for tensor in inputs]
        torch.cuda._sleep(50_000_000)
        for tensor, values in zip(late, inputs, strict=True):
            tensor.copy_(values)  # whoever does not wait in this stream reads zeros
        out = operator.ours(late, graph)
    side.synchronize()
    assert torch.equal(out, expected)


@pytest.mark.parametrize("name", OPERATORS)
def test_captured_graphs(name: str) -> None:
    if not ON_GPU:
        pytest.skip("graphs of kernels are those of a GPU")
    operator, graph = OPERATORS[name], make_graph("plain", 400)
    inputs = [tensor.to(DEVICE) for tensor in make_inputs(operator, graph, torch.float32)]
    graph = Graph(*(tensor.to(DEVICE) for tensor in graph))
    operator.ours(inputs, graph)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        captured = operator.ours(inputs, graph)
    for tensor in inputs:
        tensor.mul_(-0.5)
    recorded.replay()
    torch.testing.assert_close(captured, operator.ours(inputs, graph))
