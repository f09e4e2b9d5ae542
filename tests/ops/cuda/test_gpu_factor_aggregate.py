"""factor_aggregate on a GPU, against the plain PyTorch form in float64 on the CPU, in all types."""

import pytest
import torch
from torch_geometric import EdgeIndex

from graphkit.ops import factor_aggregate
from graphkit.ops.factor_aggregate import factor_aggregate_reference
from tests.ops.cuda.gpu import DEVICE, SCALE, TYPES, need_gpu, normal, random_index
from tests.ops.cuda.launchers import assert_close

need_gpu()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("per_factor", [False, True])
@pytest.mark.parametrize("factors, width", [(8, 64), (3, 5), (9, 16), (1, 300), (17, 1)])
def test_forward_and_gradients(factors: int, width: int, per_factor: bool, dtype: torch.dtype) -> None:
    h = normal(SCALE, factors, width, dtype=dtype, seed=1) if per_factor else normal(SCALE, width, dtype=dtype, seed=1)
    inputs = [h, normal(SCALE, factors, dtype=dtype, seed=2), normal(SCALE, factors, dtype=dtype, seed=3)]
    edge_index = random_index(SCALE, 2, 10 * SCALE, seed=4)
    ours = [x.to(DEVICE).requires_grad_() for x in inputs]
    exact = [x.double().requires_grad_() for x in inputs]
    out = factor_aggregate(*ours, edge_index.to(DEVICE), gain=1.3)
    expected = factor_aggregate_reference(*exact, edge_index, 1.3)
    assert out.dtype == dtype and out.device.type == DEVICE
    assert_close(out.cpu().detach(), expected.detach())
    weight = normal(*out.shape, dtype=dtype, seed=5)
    grads = torch.autograd.grad(out, ours, weight.to(DEVICE))
    for grad, other in zip(grads, torch.autograd.grad(expected, exact, weight.double()), strict=True):
        assert_close(grad.cpu(), other)
    again = factor_aggregate(*ours, edge_index.to(DEVICE), gain=1.3)
    assert torch.equal(again, out)
    for grad, other in zip(grads, torch.autograd.grad(again, ours, weight.to(DEVICE)), strict=True):
        assert torch.equal(grad, other)


def test_from_a_graph_of_a_hub() -> None:
    """All edges end at one node: its sum is spread over the whole GPU, and still that of the definition."""
    nodes = 10 * SCALE
    h = torch.randn(nodes, 16, dtype=torch.float64)
    terms = torch.randn(nodes, 2, dtype=torch.float64)
    edge_index = torch.stack([torch.arange(nodes), torch.zeros(nodes, dtype=torch.int64)])
    expected = (torch.sigmoid(terms + terms[0]).t() @ h)[None]
    out = factor_aggregate(*(t.float().to(DEVICE) for t in (h, terms, terms)), edge_index.to(DEVICE)).cpu()
    assert_close(out[:1], expected)
    assert not out[1:].any()


def test_edge_index_that_is_sorted() -> None:
    h, terms = torch.randn(50, 6, device=DEVICE), torch.randn(50, 3, device=DEVICE)
    plain = torch.randint(50, (2, 300), device=DEVICE)
    edge_index = EdgeIndex(plain, sparse_size=(50, 50)).sort_by("col").values
    expected = factor_aggregate(h, terms, terms, plain)
    for _ in range(2):  # the second time from what PyG and the operator remember
        given = h.clone().requires_grad_()
        out = factor_aggregate(given, terms, terms, edge_index)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
        out.sum().backward()
