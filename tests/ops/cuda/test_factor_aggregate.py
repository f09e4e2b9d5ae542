"""The CUDA kernels of factor_aggregate, on an emulated GPU, against the plain PyTorch form."""

import pytest
import torch
from torch import Tensor

from graphkit.ops._cuda_groups import group_edges, group_neighbors, transpose_neighbors
from graphkit.ops.factor_aggregate import factor_aggregate_reference
from tests.ops.cuda.emulated import TYPES, Emulator
from tests.ops.cuda.launchers import Launchers, assert_close

# Nodes, edges, factors, width, one set of features per factor, edges beyond which a node is divided.
SIZES = [
    (7, 20, 3, 1, False, 256),
    (7, 20, 2, 3, True, 256),
    (9, 30, 1, 8, False, 256),
    (6, 40, 8, 4, True, 8),
    (5, 40, 9, 16, False, 8),
    (6, 40, 5, 64, False, 256),
    (6, 40, 5, 24, True, 256),
    (4, 30, 5, 264, False, 256),  # more columns than a warp takes at once, in vectors of any type
    (4, 30, 2, 131, True, 16),  # and of single ones
    (2, 120, 3, 13, False, 32),
    (2, 120, 3, 16, True, 32),
    (2, 90, 1, 2, False, 256),
    (5, 0, 3, 4, False, 256),
    (0, 0, 3, 4, True, 256),
]

# The 16-bit types share all but their conversions, and doubles the way of odd widths.
CASES = [(size, dtype) for size in SIZES for dtype in (torch.float32, torch.float16)]
CASES += [(size, dtype) for size in SIZES[3:9] for dtype in (torch.float64, torch.bfloat16)]


def make(
    nodes: int, edges: int, factors: int, width: int, per_factor: bool, dtype: torch.dtype
) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(nodes + edges + factors + width)
    shapes = [(nodes, factors, width), (nodes, factors, width) if per_factor else (nodes, width)]
    shapes += [(nodes, factors)] * 2
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    return tensors, torch.randint(max(nodes, 1), (2, edges), generator=generator)


@pytest.mark.parametrize("size, dtype", CASES)
def test_forward_and_gradients_equal_the_reference(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    (grad, *inputs), edge_index = make(*size[:-1], dtype)
    row, col = edge_index
    groups = (*group_edges(col, row, size[0]), *group_edges(row, col, size[0]))
    run = Launchers(gpu, size[-1])
    exact = [x.double().requires_grad_() for x in inputs]
    expected = factor_aggregate_reference(*exact, edge_index, 1.3)
    assert_close(run.factor_aggregate(*inputs, groups, 1.3), expected.detach())
    grads = torch.autograd.grad(expected, exact, grad.double())
    for ours, reference in zip(run.factor_aggregate_backward(grad, *inputs, groups, 1.3), grads, strict=True):
        assert_close(ours, reference)


def with_places(edge_index: Tensor, nodes: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Returns the edges by target and by source, and their places."""
    row, col = edge_index
    ptr, rows = group_neighbors(col, row, nodes, nodes, 0, True)
    other_ptr, other_rows = transpose_neighbors(ptr, rows, nodes)
    columns = [column.long().contiguous() for t in (rows, other_rows) for column in t.t()]
    return (ptr, columns[0], other_ptr, columns[2]), (columns[1], columns[3])


@pytest.mark.parametrize("size, dtype", CASES)
def test_terms_of_edges(gpu: Emulator, size: tuple, dtype: torch.dtype) -> None:
    (grad, *inputs), edge_index = make(*size[:-1], dtype)
    edge = torch.randn(size[1], size[2], generator=torch.Generator().manual_seed(size[1])).to(dtype)
    groups, places = with_places(edge_index, size[0])
    run = Launchers(gpu, size[-1], shifted=size[3] == 16)
    exact = [x.double().requires_grad_() for x in (*inputs, edge)]
    expected = factor_aggregate_reference(*exact[:3], edge_index, 1.3, exact[3])
    assert_close(run.factor_aggregate(*inputs, groups, 1.3, edge, places), expected.detach())
    grads = torch.autograd.grad(expected, exact, grad.double())
    ours = run.factor_aggregate_backward(grad, *inputs, groups, 1.3, edge, places)
    for one, reference in zip(ours, grads, strict=True):
        assert_close(one, reference)


@pytest.mark.parametrize("dtype", TYPES)
def test_memory_that_is_not_aligned(gpu: Emulator, dtype: torch.dtype) -> None:
    (grad, *inputs), edge_index = make(6, 50, 5, 16, False, dtype)
    groups = (*group_edges(*edge_index.flip(0), 6), *group_edges(*edge_index, 6))
    run = Launchers(gpu, 8, shifted=True)
    exact = [x.double().requires_grad_() for x in inputs]
    expected = factor_aggregate_reference(*exact, edge_index, 1.3)
    assert_close(run.factor_aggregate(*inputs, groups, 1.3), expected.detach())
    grads = torch.autograd.grad(expected, exact, grad.double())
    for ours, reference in zip(run.factor_aggregate_backward(grad, *inputs, groups, 1.3), grads, strict=True):
        assert_close(ours, reference)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gates_over_their_whole_range(gpu: Emulator, dtype: torch.dtype) -> None:
    """One edge, one factor, one feature of 1: the output is the sigmoid itself, and its slope the gradients."""
    x = torch.tensor([0.0, 1e-4, -3, 20, -20, 50, -50, 80, -80, 1e6, -1e6], dtype=dtype)[:, None]
    nodes = torch.arange(x.numel())
    groups = (torch.arange(x.numel() + 1), nodes) * 2
    ones, zeros = torch.ones_like(x), torch.zeros_like(x)
    run = Launchers(gpu)
    room = {"rtol": 1e-6 if dtype == torch.float32 else 1e-14, "atol": 1e-37 if dtype == torch.float32 else 1e-307}
    gate, slope = torch.sigmoid(x.double()), torch.sigmoid(x.double()) * torch.sigmoid(-x.double())
    out = run.factor_aggregate(ones, x, zeros, groups, 1.0)
    torch.testing.assert_close(out.double().flatten(), gate.flatten(), **room)
    _, grad_source, grad_target = run.factor_aggregate_backward(ones[:, None], ones, x, zeros, groups, 1.0)
    assert torch.equal(grad_source, grad_target)
    torch.testing.assert_close(grad_source.double(), slope, **{**room, "rtol": 10 * room["rtol"]})


def test_nan_stays_where_it_belongs(gpu: Emulator) -> None:
    (_, h, source, target), edge_index = make(6, 40, 3, 8, False, torch.float32)
    source[3, 1] = torch.nan
    out = Launchers(gpu).factor_aggregate(h, source, target, group_edges(*edge_index.flip(0), 6), 1.0)
    hit = edge_index[1, edge_index[0] == 3].unique()
    assert hit.numel() > 0 and bool(out[hit, 1].isnan().all())
    assert not bool(out[:, [0, 2]].isnan().any())


def test_nothing_is_read_outside_whatever_the_edges_are(gpu: Emulator) -> None:
    """The sanitizer would end the process; what comes out does not matter."""
    far = 2**62
    for ptr, other in (
        ([0, 5, 3, 9, 99], [0, 1, 2, 3, 4, 5, -1, far, -far]),
        ([-far, far, -far, far, 0], [9] * 9),
        ([8, 6, 4, 2, 0], [-1] * 9),
    ):
        groups = (torch.tensor(ptr), torch.tensor(other)) * 2
        for width in (3, 4):
            for features in ((4, width), (4, 2, width)):
                for longest in (2, 256):
                    run = Launchers(gpu, longest, sound=False)
                    h, terms, grad = torch.ones(features), torch.ones(4, 2), torch.ones(4, 2, width)
                    assert run.factor_aggregate(h, terms, terms, groups, 1.0).shape == grad.shape
                    run.factor_aggregate_backward(grad, h, terms, terms, groups, 1.0)
                    edges = (groups, 1.0, torch.ones(len(other), 2), (torch.tensor(other),) * 2)
                    assert run.factor_aggregate(h, terms, terms, *edges).shape == grad.shape
                    run.factor_aggregate_backward(grad, h, terms, terms, *edges)
