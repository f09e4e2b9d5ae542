import pytest
import torch
from torch import Tensor

from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops._pair_score import pair_score, pair_score_reference

# Sources, targets, edges, heads, width. Widths around those of vectors.
SIZES = [(7, 5, 20, 1, 1), (7, 9, 30, 2, 3), (9, 9, 40, 8, 8), (9, 9, 40, 5, 8), (9, 9, 60, 3, 18), (9, 9, 60, 1, 70)]


def make(
    sources: int, targets: int, edges: int, heads: int, width: int, dtype: torch.dtype = torch.float64
) -> tuple[list[Tensor], Neighbors]:
    generator = torch.Generator().manual_seed(edges + width)
    ends = [torch.randint(n, (edges,), generator=generator) for n in (sources, targets)]
    shapes = ((sources, heads, width), (targets, heads, width), (heads, width))
    tensors = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
    return tensors, group_neighbors(torch.stack(ends), sources, targets, both_ways=False, places=True)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_reference(native, size, dtype, tolerance):
    tensors, edges = make(*size, dtype)
    factor = torch.randn(size[2], size[3], dtype=dtype)
    results = []
    for call, t in ((pair_score, dtype), (pair_score_reference, torch.float64)):
        inputs = [tensor.to(t).requires_grad_() for tensor in tensors]
        out = call(*inputs, 0.2, edges) if call is pair_score else call(*inputs, 0.2, *edges[:2])
        results.append([out, *torch.autograd.grad((out * factor.to(t)).sum(), inputs)])
    for ours, reference in zip(*results, strict=True):
        scale = max(1.0, float(reference.detach().abs().max()))
        torch.testing.assert_close(ours.double(), reference, rtol=0, atol=tolerance * scale)


def test_gradcheck_once_and_twice(native):
    tensors, edges = make(5, 4, 14, 2, 3)
    inputs = tuple(t.requires_grad_() for t in tensors)
    assert torch.autograd.gradcheck(lambda *t: pair_score(*t, 0.2, edges), inputs)
    assert torch.autograd.gradgradcheck(lambda *t: pair_score(*t, 0.2, edges), inputs)


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_opcheck(native):
    tensors, edges = make(5, 4, 14, 2, 3)
    other = transposed(edges.ptr, edges.rows, 5)
    inputs = [t.requires_grad_() for t in tensors]
    grad = torch.randn(14, 2, dtype=torch.float64, requires_grad=True)
    ops = torch.ops.graphkit
    torch.library.opcheck(ops.pair_score.default, (*inputs, 0.2, *edges))
    torch.library.opcheck(ops.pair_score_backward.default, (grad, *inputs, 0.2, *edges[:2], *other))


def test_two_runs_and_any_number_of_threads_give_the_same_bits(native):
    tensors, edges = make(3000, 3000, 20000, 2, 24, torch.float32)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 1, 2, 3):
            torch.set_num_threads(count)
            inputs = [t.detach().requires_grad_() for t in tensors]
            out = pair_score(*inputs, 0.2, edges)
            results.append([out, *torch.autograd.grad(out.square().sum(), inputs)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_kernels_refuse_edges_without_places(native):
    tensors, _ = make(5, 4, 14, 2, 3)
    edges = group_neighbors(torch.tensor([[0], [1]]), 5, 4, both_ways=False)
    with pytest.raises(RuntimeError, match="scores need the places of the edges"):
        pair_score(*tensors, 0.2, edges)
