"""edge_similarity and local_structure_divergence on a GPU, against PyTorch in float64 on the CPU, in all types."""

import pytest
import torch

from graphkit.ops import edge_similarity, local_structure_divergence
from graphkit.ops._edge_measure import ABSOLUTE, DOT, SQUARE, edge_measure_reference
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference
from tests.ops.cuda.gpu import DEVICE, SCALE, TYPES, need_gpu, normal, random_index
from tests.ops.cuda.launchers import assert_close

need_gpu()

MEASURES = {"linear": DOT, "euclidean": SQUARE, "l1exp": ABSOLUTE}


def scores(z: torch.Tensor, edge_index: torch.Tensor, kernel: str) -> torch.Tensor:
    """The kernels of MEASURES from the definition, with a length of 100."""
    measured = edge_measure_reference(z, *edge_index, MEASURES[kernel])
    return torch.exp(-measured / 100) if kernel == "l1exp" else measured


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kernel", MEASURES)
@pytest.mark.parametrize("width", [1, 30, 64, 1024])
def test_edge_similarity(width: int, kernel: str, dtype: torch.dtype) -> None:
    z = (normal(SCALE, width, dtype=torch.float64, seed=1) / width**0.5).to(dtype)
    edge_index = random_index(SCALE, 2, 10 * SCALE, seed=2)
    ours, exact = z.to(DEVICE).requires_grad_(), z.double().requires_grad_()
    grad = normal(10 * SCALE, dtype=dtype, seed=3)
    expected = scores(exact, edge_index, kernel)
    (expected_grad,) = torch.autograd.grad(expected, exact, grad.double())
    results = []
    for _ in range(2):
        out = edge_similarity(ours, edge_index.to(DEVICE), kernel)
        results.append((out.detach(), *torch.autograd.grad(out, ours, grad.to(DEVICE))))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert results[0][0].dtype == dtype and results[0][0].device.type == DEVICE
    assert_close(results[0][0].cpu(), expected.detach(), least=1.0)
    assert_close(results[0][1].cpu(), expected_grad, least=1.0)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kernel", MEASURES)
@pytest.mark.parametrize("direction", ["student_teacher", "teacher_student"])
def test_local_structure_divergence(kernel: str, direction: str, dtype: torch.dtype) -> None:
    student = (normal(SCALE, 40, dtype=torch.float64, seed=1) / 6).to(dtype)
    teacher = (normal(SCALE, 72, dtype=torch.float64, seed=2) / 8).to(dtype)
    edge_index = random_index(SCALE, 2, 20 * SCALE, seed=3)
    ours = [z.to(DEVICE).requires_grad_() for z in (student, teacher)]
    exact = [z.double().requires_grad_() for z in (student, teacher)]
    networks = exact if direction == "student_teacher" else exact[::-1]
    p, q = (scores(z, edge_index, kernel) for z in networks)
    expected = local_structure_divergence_reference(p, q, edge_index[1], SCALE)
    out = local_structure_divergence(*ours, edge_index.to(DEVICE), kernel, direction=direction, reduction="none")
    # The scores that are compared are float32 numbers, and a structure may hang on a small difference between two.
    assert_close(out.cpu().detach(), expected.detach(), room=2e-5, least=1.0)
    grad = normal(SCALE, dtype=torch.float32, seed=4)
    grads = torch.autograd.grad(out, ours, grad.to(DEVICE, out.dtype))
    for actual, other in zip(grads, torch.autograd.grad(expected, exact, grad.double()), strict=True):
        assert actual.dtype == dtype
        assert_close(actual.cpu(), other, room=2e-5, least=1.0)
