"""Derivatives other than those of plain reverse mode: they must be right for every operator.

What is right comes from reverse mode, which the tests of each operator hold against finite differences.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from graphkit import ops

Function = Callable[..., Tensor]
DOUBLE = torch.float64
EDGES = torch.tensor([[0, 1, 2, 2, 3], [1, 2, 0, 3, 0]])
PATHS = torch.tensor([[2, 3, 0, 1, 2], [0, 1, 2, 0, 0], [1, 2, 0, 3, 1]])
PTR = torch.tensor([0, 1, 1, 4])


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=DOUBLE)


OPERATORS: dict[str, tuple[Function, tuple[Tensor, ...]]] = {
    "segment_sum": (lambda x: ops.segment_sum(x, PTR), (numbers(4, 2),)),
    "segment_max": (lambda x: ops.segment_max(x, PTR)[0], (numbers(4, 2),)),
    "segment_softmax": (lambda x: ops.segment_softmax(x, PTR), (numbers(4, 2),)),
    "edge_similarity": (lambda z: ops.edge_similarity(z, EDGES), (numbers(4, 3),)),
    "aggregate": (lambda x, w: ops.aggregate(x, EDGES, w, "mean"), (numbers(4, 2, 3), numbers(5, 2))),
    "aggregate, maximum": (lambda x: ops.aggregate(x, EDGES, reduce="max"), (numbers(4, 3),)),
    "factor_aggregate": (lambda h, s, t: ops.factor_aggregate(h, s, t, EDGES), [numbers(4, d) for d in (3, 2, 2)]),
    "factor_aggregate, terms of edges": (
        lambda h, s, t, e: ops.factor_aggregate(h, s, t, EDGES, edge=e),
        [numbers(*shape) for shape in ((4, 3), (4, 2), (4, 2), (5, 2))],
    ),
    "path_attention": (
        lambda h, a, t: ops.path_attention(h, PATHS, a, t),
        (numbers(4, 2, 3), numbers(2, 3), numbers(4, 2)),
    ),
    "local_structure_divergence": (
        lambda s, t: ops.local_structure_divergence(s, t, EDGES, reduction="none"),
        (numbers(4, 3), numbers(4, 2)),
    ),
    "joint_mix": (lambda x, w: ops.joint_mix(x, w, PTR), (numbers(4, 3, 2, 2), numbers(3, 2, 3, 3))),
    "joint_affinity": (lambda a, b: ops.joint_affinity(a, b, PTR), (numbers(4, 2, 2, 3), numbers(4, 2, 2, 3).flip(0))),
    "temporal_conv3": (
        lambda x, b: ops.temporal_conv3(x, PTR, None, b, rectify=True),
        (numbers(4, 2, 2, 3, 2), numbers(2, 2)),
    ),
}


def tangents_of(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple((1 + torch.arange(t.numel(), dtype=DOUBLE)).cos().view_as(t) for t in inputs)


@pytest.mark.parametrize("name", OPERATORS)
def test_forward_mode(name: str) -> None:
    function, inputs = OPERATORS[name]
    tangents = tangents_of(tuple(inputs))
    expected = torch.autograd.functional.jvp(function, tuple(inputs), tangents)[1]
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(torch.func.jvp(function, tuple(inputs), tangents)[1], expected)
    for needs_gradient in (False, True):
        with forward_ad.dual_level():
            duals = [
                forward_ad.make_dual(x.clone().requires_grad_(needs_gradient), v)
                for x, v in zip(inputs, tangents, strict=True)
            ]
            torch.testing.assert_close(forward_ad.unpack_dual(function(*duals)).tangent.detach(), expected)


@pytest.mark.parametrize("name", OPERATORS)
def test_transforms(name: str) -> None:
    function, inputs = OPERATORS[name]
    inputs = tuple(inputs)
    which = tuple(range(len(inputs)))
    expected = torch.autograd.functional.jacobian(function, inputs)
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        for ours, right in zip(transform(function, which)(*inputs), expected, strict=True):
            torch.testing.assert_close(ours, right)

    def squares(*inputs: Tensor) -> Tensor:
        return function(*inputs).square().sum()

    rows = torch.autograd.functional.hessian(squares, inputs)
    for ours, right in zip(torch.func.hessian(squares, which)(*inputs), rows, strict=True):
        for block, right_block in zip(ours, right, strict=True):
            torch.testing.assert_close(block, right_block)
    batches = tuple(torch.stack([t, 2 * t]) for t in inputs)
    for call in (function, torch.func.grad(squares)):
        every = torch.stack([call(*(t[k] for t in batches)) for k in range(2)])
        torch.testing.assert_close(torch.func.vmap(call)(*batches), every)


@pytest.mark.parametrize("name", ["segment_softmax", "aggregate", "factor_aggregate", "joint_mix"])
def test_compiled_transforms(name: str) -> None:
    function, inputs = OPERATORS[name]
    inputs = tuple(inputs)
    tangents = tangents_of(inputs)

    def jvp(*inputs: Tensor) -> Tensor:
        return torch.func.jvp(function, inputs, tangents)[1]

    gradient = torch.func.grad(lambda *inputs: function(*inputs).square().sum())
    for call in (jvp, gradient):
        # PyTorch 2.10 cannot compile these with symbolic sizes.
        compiled = torch.compile(call, fullgraph=True, dynamic=False, backend="aot_eager")
        torch.testing.assert_close(compiled(*inputs), call(*inputs))
