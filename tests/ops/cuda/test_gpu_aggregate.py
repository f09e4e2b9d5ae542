"""aggregate and pair_score on a GPU, against the plain PyTorch forms in float64 on the CPU, in all types."""

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import aggregate
from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops._pair_score import pair_score, pair_score_reference
from graphkit.ops.aggregate import aggregate_reference
from tests.ops.cuda.gpu import DEVICE, SCALE, TYPES, need_gpu, normal, random_index
from tests.ops.cuda.launchers import assert_close

need_gpu()

REDUCTIONS = ("sum", "mean", "max", "min", "std", "softmax")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("heads, width", [(0, 64), (8, 8), (3, 5), (0, 1)])
def test_forward_and_gradients(heads: int, width: int, reduce: str, weighted: bool, dtype: torch.dtype) -> None:
    """Two runs give the same bits; some targets have no edges and some very many."""
    if reduce == "softmax" and not weighted:
        pytest.skip("a softmax is one of weights")
    sources, targets, count = SCALE, SCALE + 9, 10 * SCALE
    edge_index = random_index(SCALE, 2, count, seed=4)
    inputs = [normal(sources, *([heads] if heads else []), width, dtype=dtype, seed=1)]
    if weighted:
        inputs.append(normal(count, *([heads] if heads else []), dtype=dtype, seed=2))
    exact = [x.double().requires_grad_() for x in inputs]
    weight = exact[1] if weighted else None
    expected = [aggregate_reference(exact[0], edge_index, weight, reduce, targets)]
    seed = normal(*expected[0].shape, dtype=dtype, seed=5)
    expected += torch.autograd.grad(expected[0], exact, seed.double())
    runs = []
    for _ in range(2):
        ours = [x.to(DEVICE).requires_grad_() for x in inputs]
        given = ours[1] if weighted else None
        out = aggregate(ours[0], edge_index.to(DEVICE), given, reduce, (sources, targets))
        runs.append([out.detach(), *torch.autograd.grad(out, ours, seed.to(DEVICE))])
    for one, other, right in zip(*runs, expected, strict=True):
        assert one.dtype == dtype and one.device.type == DEVICE
        assert torch.equal(one, other)
        # A gradient of a maximum or a root has been rounded once before.
        exact_sums = dtype.itemsize > 2 or reduce in ("sum", "mean")
        room = (2e-5 if reduce == "std" else 2e-6) if exact_sums else 2 * torch.finfo(dtype).eps
        assert_close(one.cpu(), right.detach(), room=room, least=1.0)


def test_second_derivatives_equal_those_of_the_cpu() -> None:
    edge_index = random_index(SCALE, 2, 10 * SCALE, seed=4)
    x, weight = normal(SCALE, 2, 4, dtype=torch.float64, seed=1), normal(10 * SCALE, 2, dtype=torch.float64, seed=2)

    def derivatives(x: Tensor, weight: Tensor, edges: Tensor) -> list[Tensor]:
        inputs = [x.requires_grad_(), weight.requires_grad_()]
        first = torch.autograd.grad(aggregate(*inputs[:1], edges, inputs[1]).sin().sum(), inputs, create_graph=True)
        return [t.detach().cpu() for t in torch.autograd.grad(sum(t.square().sum() for t in first), inputs)]

    ours = derivatives(x.to(DEVICE), weight.to(DEVICE), edge_index.to(DEVICE))
    messages = derivatives_of_reference(x, weight, edge_index)
    for one, other in zip(ours, messages, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def derivatives_of_reference(x: Tensor, weight: Tensor, edge_index: Tensor) -> list[Tensor]:
    inputs = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    out = aggregate_reference(inputs[0], edge_index, inputs[1], "sum", x.size(0))
    first = torch.autograd.grad(out.sin().sum(), inputs, create_graph=True)
    return list(torch.autograd.grad(sum(t.square().sum() for t in first), inputs))


def test_a_hub() -> None:
    """All edges end at one node, whose parts are merged, and begin at one in the backward pass."""
    nodes = 10 * SCALE
    x = normal(nodes, 16, dtype=torch.float32, seed=1)
    edge_index = torch.stack([torch.arange(nodes), torch.zeros(nodes, dtype=torch.int64)])
    for edges in (edge_index, edge_index.flip(0)):
        for reduce in REDUCTIONS[:5]:
            ours, exact = x.to(DEVICE).requires_grad_(), x.double().requires_grad_()
            out, expected = (
                aggregate(ours, edges.to(DEVICE), reduce=reduce),
                aggregate_reference(exact, edges, None, reduce, nodes),
            )
            assert_close(out.detach().cpu(), expected.detach())
            assert_close(
                torch.autograd.grad(out.square().sum(), ours)[0].cpu(),
                torch.autograd.grad(expected.square().sum(), exact)[0],
                room=2e-5,
            )


def test_edge_index_keeps_its_groups() -> None:
    x = torch.randn(50, 6, device=DEVICE)
    plain = torch.randint(50, (2, 300), device=DEVICE)
    edge_index = EdgeIndex(plain, sparse_size=(50, 50))
    expected = aggregate(x, plain)
    for _ in range(2):
        given = x.clone().requires_grad_()
        out = aggregate(given, edge_index)
        assert torch.equal(out, expected)
        out.sum().backward()
        assert given.grad is not None
        degrees = torch.bincount(plain[0], minlength=50).to(given.grad)
        torch.testing.assert_close(given.grad, degrees[:, None].expand_as(given))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("heads, width", [(8, 8), (1, 64), (3, 5)])
def test_scores_of_pairs(heads: int, width: int, dtype: torch.dtype) -> None:
    edge_index = random_index(SCALE, 2, 10 * SCALE, seed=4)
    shapes = [(SCALE, heads, width), (SCALE, heads, width), (heads, width)]
    inputs = [normal(*shape, dtype=dtype, seed=seed) / 4 for seed, shape in enumerate(shapes)]
    exact = [x.double().requires_grad_() for x in inputs]
    plain = group_neighbors(edge_index, SCALE, SCALE, both_ways=False, places=True)
    expected = [pair_score_reference(*exact, 0.2, plain.ptr, plain.rows)]
    seed = normal(*expected[0].shape, dtype=dtype, seed=5)
    expected += torch.autograd.grad(expected[0], exact, seed.double())
    runs = []
    for _ in range(2):
        groups = group_neighbors(edge_index.to(DEVICE), SCALE, SCALE, both_ways=False, places=True)
        groups = Neighbors(*groups[:2], *transposed(*groups[:2], SCALE))
        ours = [x.to(DEVICE).requires_grad_() for x in inputs]
        out = pair_score(*ours, 0.2, groups)
        runs.append([out.detach(), *torch.autograd.grad(out, ours, seed.to(DEVICE))])
    for one, other, right in zip(*runs, expected, strict=True):
        assert one.dtype == dtype and torch.equal(one, other)
        assert_close(one.cpu(), right.detach(), room=2e-5 if dtype.itemsize > 2 else torch.finfo(dtype).eps, least=1.0)


def test_gradients_of_scores_numerically() -> None:
    edge_index = torch.randint(4, (2, 9), device=DEVICE)
    groups = group_neighbors(edge_index, 4, 4, both_ways=False, places=True)
    inputs = [normal(*s, dtype=torch.float64, seed=k).to(DEVICE) for k, s in enumerate([(4, 2, 3), (4, 2, 3), (2, 3)])]
    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(lambda *t: pair_score(*t, 0.2, groups), inputs)
    assert torch.autograd.gradgradcheck(lambda *t: pair_score(*t, 0.2, groups), inputs)
