"""The CUDA kernels of edge_similarity and local_structure_divergence, on an emulated GPU, against plain PyTorch."""

import pytest
import torch
from torch import Tensor

from graphkit.ops._edge_measure import edge_measure_reference
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference
from tests.ops.cuda.emulated import TYPES, Emulator, Int, groups, slots, unset
from tests.ops.cuda.launchers import assert_close


def measure(gpu: Emulator, z: Tensor, source: Tensor, target: Tensor, kind: int) -> Tensor:
    out = unset(source.numel(), dtype=z.dtype)
    ends = (source, target, source.numel())
    gpu("graphkit_edge_similarity", Int(TYPES[z.dtype]), Int(kind), z, *z.shape, *ends, out, None)
    return out


def measure_backward(
    gpu: Emulator, grad: Tensor, z: Tensor, source: Tensor, target: Tensor, kind: int, longest: int
) -> Tensor:
    count, (nodes, width) = source.numel(), z.shape
    ordered, order = torch.cat([source, target]).sort(stable=True)
    ptr = torch.searchsorted(ordered, torch.arange(nodes + 1))
    other = torch.cat([target, source])[order]
    out, parts = unset(nodes, width, dtype=z.dtype), unset(slots(2 * count, longest), width, dtype=z.dtype)
    table = groups(ptr, 2 * count, longest)
    ends = (other, order % max(1, count), grad, count)
    name = "graphkit_edge_similarity_backward"
    gpu(name, Int(TYPES[z.dtype]), Int(kind), table, z, width, *ends, out, parts, None)
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize(
    "nodes, edges, width, longest",
    [(7, 20, 1, 256), (9, 30, 16, 256), (9, 60, 31, 8), (5, 30, 140, 256), (5, 0, 4, 256), (4, 9, 0, 256)],
)
def test_measures_of_edges(
    gpu: Emulator, nodes: int, edges: int, width: int, longest: int, kind: int, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(nodes + edges)
    z = torch.randn(nodes, width, generator=generator, dtype=torch.float64).to(dtype)
    source, target = torch.randint(nodes, (2, edges), generator=generator)
    exact = z.double().requires_grad_()
    expected = edge_measure_reference(exact, source, target, kind) if edges > 0 else exact.sum(1)[:0]
    assert_close(measure(gpu, z, source, target, kind), expected.detach())
    grad = torch.randn(edges, generator=generator, dtype=torch.float64).to(dtype)
    (reference,) = torch.autograd.grad(expected, exact, grad.double())
    assert_close(measure_backward(gpu, grad, z, source, target, kind, longest), reference)


def test_edges_that_name_no_node(gpu: Emulator) -> None:
    """They count as edges of node 0: nothing outside is read, and the other edges are served."""
    z = torch.randn(3, 8)
    source, target = torch.tensor([0, -1, 2**62, 3, 2]), torch.tensor([7, -(2**62), 1, 0, 1])
    inside = [torch.where((ends >= 0) & (ends < 3), ends, 0) for ends in (source, target)]
    for kind in (0, 1, 2):
        assert_close(measure(gpu, z, source, target, kind), edge_measure_reference(z.double(), *inside, kind))


def divergence(
    gpu: Emulator, p: Tensor, q: Tensor, ptr: Tensor, longest: int, grad: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    nodes, edges, kind = ptr.numel() - 1, p.numel(), Int(TYPES[p.dtype])
    table, double = groups(ptr, edges, longest), torch.float64
    top = unset(nodes, 2, dtype=double)
    gpu("graphkit_divergence_tops", kind, table, p, q, top, unset(slots(edges, longest), 2, dtype=double), None)
    out = unset(nodes, dtype=p.dtype)
    grads = [unset(edges, dtype=p.dtype) for _ in range(2)]
    parts = unset(slots(edges, longest), 3, dtype=double)
    gpu("graphkit_divergence", kind, table, p, q, top, grad, out, *grads, parts, None)
    return (out, *grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lengths, longest", [([3, 0, 5, 1], 256), ([70, 0, 4, 9], 8), ([1] * 40, 256), ([0, 0], 8)])
def test_divergences_of_nodes(gpu: Emulator, lengths: list[int], longest: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(len(lengths))
    ptr = torch.tensor([0, *lengths]).cumsum(0)
    p, q = (3 * torch.randn(2, sum(lengths), generator=generator, dtype=torch.float64)).to(dtype)
    target = torch.repeat_interleave(torch.arange(len(lengths)), ptr.diff())
    exact = [t.double().requires_grad_() for t in (p, q)]
    expected = local_structure_divergence_reference(*exact, target, len(lengths))
    assert_close(divergence(gpu, p, q, ptr, longest)[0], expected.detach())
    grad = torch.randn(len(lengths), generator=generator, dtype=torch.float64).to(dtype)
    references = torch.autograd.grad(expected, exact, grad.double())
    for ours, reference in zip(divergence(gpu, p, q, ptr, longest, grad)[1:], references, strict=True):
        assert_close(ours, reference, least=1.0)


def test_nearly_equal_structures_differ_by_little(gpu: Emulator) -> None:
    p = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q = p + 1e-7 * torch.randn(50, dtype=torch.float64)
    ptr = torch.tensor([0, 50])
    gap = (q - p) - (torch.softmax(p, 0) * (q - p)).sum()
    expected = 0.5 * (torch.softmax(p, 0) * gap.square()).sum()  # to second order
    for longest in (8, 256):
        out = divergence(gpu, p, q, ptr, longest)[0]
        torch.testing.assert_close(out[0], expected, rtol=0.05, atol=3e-16)
