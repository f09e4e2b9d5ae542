"""Every operator on a GPU: values, gradients, poisoned memory, equal bits, fake kernels, compilation, tiny graphs."""

import pytest
import torch
from torch import Tensor

from tests.ops.cuda.gpu import COMPILER, DEVICE, SCALE, TYPES, need_gpu, normal, poisoned_memory
from tests.ops.cuda.launchers import note_error
from tests.ops.cuda.operators import KINDS, OPERATORS, Graph, make_graph, make_inputs

need_gpu()

#: Largest error relative to the largest number. The 16-bit types round once or twice on the way.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 5e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def to_device(graph: Graph) -> Graph:
    return Graph(*(tensor.to(DEVICE) for tensor in graph))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPERATORS)
def test_values_and_gradients(name: str, kind: str, dtype: torch.dtype) -> None:
    """Two runs into memory full of NaN give the same bits, which are those of the definition in float64."""
    operator, graph = OPERATORS[name], make_graph(kind, SCALE)
    inputs = make_inputs(operator, graph, dtype)
    exact = [tensor.double().requires_grad_() for tensor in inputs]
    expected = [operator.exact(exact, graph)]
    seed = normal(*expected[0].shape, dtype=dtype, seed=9)
    expected += torch.autograd.grad(expected[0], exact, seed.double())
    runs = []
    for _ in range(2):
        ours = [tensor.to(DEVICE).requires_grad_() for tensor in inputs]
        with poisoned_memory():
            out = operator.ours(ours, to_device(graph))
            grads = torch.autograd.grad(out, ours, seed.to(out))
        runs.append([out.detach(), *grads])
    for one, other, right in zip(*runs, expected, strict=True):
        assert one.device.type == DEVICE and one.shape == right.shape
        assert torch.equal(one, other), "two runs differ"
        error = note_error(one.cpu(), right.detach())
        assert error < TOLERANCE[dtype]


@pytest.mark.parametrize("name", OPERATORS)
def test_gradients_numerically(name: str) -> None:
    operator, graph = OPERATORS[name], make_graph("plain", 3)
    inputs = [t.to(DEVICE).requires_grad_() for t in make_inputs(operator, graph, torch.float64)]
    graph = to_device(graph)
    assert torch.autograd.gradcheck(lambda *t: operator.ours(list(t), graph), inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *t: operator.ours(list(t), graph), inputs, fast_mode=True)


@pytest.mark.parametrize("name", OPERATORS)
def test_compiles_without_a_break(name: str) -> None:
    operator, graph = OPERATORS[name], make_graph("plain", 30)
    inputs = [t.to(DEVICE).requires_grad_() for t in make_inputs(operator, graph, torch.float32)]
    graph = to_device(graph)

    def call(*tensors: Tensor) -> Tensor:
        return operator.ours(list(tensors), graph).square().sum()

    torch._dynamo.reset()  # it compiles a function so many times only
    compiled = torch.compile(call, fullgraph=True, backend=COMPILER)
    results = [(form(*inputs), *torch.autograd.grad(form(*inputs), inputs)) for form in (compiled, call)]
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
