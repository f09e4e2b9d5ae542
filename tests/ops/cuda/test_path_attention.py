"""The CUDA kernels of path_attention, on an emulated GPU, against the plain PyTorch form."""

import pytest
import torch
from torch import Tensor

from graphkit.ops._cuda_groups import group_paths
from graphkit.ops.path_attention import path_attention_reference
from tests.ops.cuda.emulated import TYPES as NUMBERS
from tests.ops.cuda.emulated import Emulator, Int, Shifted, groups, slots, unset, wide
from tests.ops.cuda.launchers import assert_close

# Nodes, paths, hops, heads, width, paths beyond which a node is divided.
SIZES = [
    (7, 20, 1, 1, 1, 256),
    (7, 20, 2, 3, 5, 256),
    (9, 60, 2, 8, 8, 256),
    (9, 50, 3, 2, 16, 4),
    (3, 60, 1, 3, 6, 8),
    (5, 30, 2, 1, 136, 256),
    (5, 0, 2, 3, 4, 256),
    (0, 0, 1, 2, 3, 256),
    (4, 9, 2, 2, 0, 256),
]
CASES = [(size, dtype, "max") for size in SIZES for dtype in (torch.float32, torch.float16)]
CASES += [(size, dtype, "mean") for size in SIZES[:5] for dtype in (torch.float64, torch.bfloat16)]
SLOPE = 0.3


class Passes:
    """The passes in the order in which the registering file calls them."""

    def __init__(self, gpu: Emulator, h: Tensor, grouped: tuple[Tensor, Tensor], longest: int, mean: bool) -> None:
        self.gpu, self.h, self.longest, self.mean = gpu, h, longest, mean
        self.ptr, paths = grouped
        self.hops, self.count = paths.size(0) - 1, paths.size(1)
        self.nodes, self.place = paths[:-1].contiguous(), paths[-1].contiguous()
        self.type, self.wide = Int(NUMBERS[h.dtype]), wide(h.dtype)
        self.own = unset(self.count, dtype=torch.int64).int()
        self.groups = groups(self.ptr, self.count, longest)
        gpu("graphkit_path_owners", self.groups, self.own, None)

    def table(self) -> tuple:
        sizes = (self.hops, self.count, *self.h.shape)
        return (self.nodes, self.place, *sizes, Int(self.mean), SLOPE)

    def parts(self, rows: int, width: int) -> Tensor:
        return unset(slots(rows, self.longest), width, dtype=self.wide)

    def per_path(self) -> Tensor:
        return unset(self.count, self.h.size(1), dtype=self.wide)

    def forward(
        self, att: Tensor, target: Tensor, weight: Tensor | None, term: Tensor | None = None, shifted: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        (nodes, heads, width), score = self.h.shape, self.per_path()
        h = Shifted(self.h) if shifted else self.h
        alpha, out = unset(self.count, heads, dtype=self.h.dtype), unset(*self.h.shape, dtype=self.h.dtype)
        norms = unset(2, nodes, heads, dtype=self.wide)
        call = (self.type, self.table())
        self.gpu("graphkit_path_scores", *call, self.own, h, att, target, term, None, score, None, None)
        parts = [self.parts(self.count, heads) for _ in range(2)]
        self.gpu("graphkit_path_softmax", *call, self.groups, score, weight, alpha, norms, *parts, None)
        self.gpu("graphkit_path_sums", *call, self.groups, h, score, out, self.parts(self.count, heads * width), None)
        return out, alpha, norms

    def backward(
        self,
        grad: Tensor,
        grad_alpha: Tensor,
        att: Tensor,
        target: Tensor,
        weight: Tensor | None,
        term: Tensor | None,
        norms: Tensor,
    ) -> list[Tensor]:
        (nodes, heads, width), dtype = self.h.shape, self.h.dtype
        score, pull, call = self.per_path(), self.per_path(), (self.type, self.table())
        self.gpu("graphkit_path_scores", *call, self.own, self.h, att, target, term, grad, score, pull, None)
        grad_weight = None if weight is None else unset(self.count, heads, dtype=dtype)
        grad_term = None if term is None else unset(self.count, heads, dtype=dtype)
        rest = (weight, grad_alpha, norms, grad_weight, grad_term, self.parts(self.count, heads), None)
        self.gpu("graphkit_path_softmax_backward", *call, self.groups, score, pull, *rest)
        grad_target = unset(nodes, heads, dtype=self.wide)
        kind = Int(NUMBERS[self.wide])
        rest = (self.groups, heads, pull, grad_target, self.parts(self.count, heads), None)
        self.gpu("graphkit_segment_sum", kind, *rest)
        grad_att, row = unset(heads, width, dtype=dtype), heads * width
        one = groups(torch.tensor([0, self.count]), self.count, self.longest)
        self.gpu("graphkit_path_sums", *call, one, self.h, pull, grad_att, self.parts(self.count, row), None)
        ordered, order = self.nodes.flatten().sort(stable=True)
        node_ptr = torch.searchsorted(ordered, torch.arange(nodes + 1, dtype=torch.int32))
        through = groups(node_ptr, self.hops * self.count, self.longest)
        where = [(order % max(1, self.count)).int(), (order // max(1, self.count)).int()]
        grad_h = unset(*self.h.shape, dtype=dtype)
        rest = (self.own, self.h, att, grad, score, pull, grad_h, self.parts(self.hops * self.count, row), None)
        self.gpu("graphkit_path_features", *call, through, *where, *rest)
        return [grad_h, grad_att, grad_target, *(t for t in (grad_weight, grad_term) if t is not None)]


def make(
    nodes: int, paths: int, hops: int, heads: int, width: int, dtype: torch.dtype
) -> tuple[list[Tensor], Tensor, list[Tensor]]:
    """Features (with ties), attention vectors, terms, a weight, terms of paths, paths, both gradients."""
    generator = torch.Generator().manual_seed(nodes + paths + hops + heads + width)
    shapes = [(nodes, heads, width), (heads, width), (nodes, heads), (paths, heads), (paths, heads)]
    shapes += [(nodes, heads, width), (paths, heads)]
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    tensors[0] = torch.where(tensors[0] > 1, tensors[0].new_ones(()), tensors[0])
    tensors[1] /= max(1, width) ** 0.5
    tensors = [t.to(dtype) for t in tensors]
    return tensors[:5], torch.randint(max(nodes, 1), (hops + 1, paths), generator=generator), tensors[5:]


@pytest.mark.parametrize("size, dtype, pool", CASES)
def test_forward_and_gradients_equal_the_reference(gpu: Emulator, size: tuple, dtype: torch.dtype, pool: str) -> None:
    tensors, path_index, grads = make(*size[:-1], dtype)
    passes = Passes(gpu, tensors[0], group_paths(path_index, size[0]), size[-1], pool == "mean")
    exact = [t.double().requires_grad_() for t in tensors]
    expected = path_attention_reference(exact[0], path_index, *exact[1:4], pool, SLOPE, exact[4])
    out, alpha, norms = passes.forward(*tensors[1:])
    assert_close(out, expected[0].detach())
    assert_close(alpha, expected[1].detach())
    param_grads = passes.backward(*grads, *tensors[1:], norms)
    seeds = [g.double() for g in grads]
    for ours, reference in zip(param_grads, torch.autograd.grad(expected, exact, seeds), strict=True):
        assert_close(ours, reference, room=1e-5, least=1.0)


def test_without_a_weight_and_memory_that_is_not_aligned(gpu: Emulator) -> None:
    tensors, path_index, grads = make(9, 60, 2, 4, 8, torch.float32)
    passes = Passes(gpu, tensors[0], group_paths(path_index, 9), 256, False)
    exact = [t.double().requires_grad_() for t in tensors[:3]]
    expected = path_attention_reference(exact[0], path_index, *exact[1:], None, "max", SLOPE)
    for shifted in (False, True):
        out, alpha, norms = passes.forward(*tensors[1:3], None, shifted=shifted)
        assert_close(out, expected[0].detach())
        assert_close(alpha, expected[1].detach())
    param_grads = passes.backward(*grads, *tensors[1:3], None, None, norms)
    for ours, reference in zip(
        param_grads, torch.autograd.grad(expected, exact, [g.double() for g in grads]), strict=True
    ):
        assert_close(ours, reference, room=1e-5, least=1.0)


def test_nan_stays_visible(gpu: Emulator) -> None:
    (h, att, target, *_), path_index, _ = make(8, 30, 3, 2, 4, torch.float32)
    h[5, 1, 2] = torch.nan
    for mean in (False, True):
        out, _, _ = Passes(gpu, h, group_paths(path_index, 8), 256, mean).forward(att, target, None)
        hit = path_index[-1, (path_index[:-1] == 5).any(0)].unique()
        assert 0 < hit.numel() < 8
        assert bool(out[hit, 1].isnan().all()) and not bool(out[:, 0].isnan().any())


def test_nothing_is_read_outside_whatever_the_paths_are(gpu: Emulator) -> None:
    """The sanitizer would end the process. What comes out does not matter; all else is unharmed."""
    far = 2**31 - 1
    (h, att, target, weight, term), sound, grads = make(4, 9, 2, 2, 4, torch.float32)
    inputs = (h, att, target, weight, term, *grads)
    before = [t.clone() for t in inputs]
    for ptr in ([0, 5, 3, 9, 99], [-(2**62), 2**62, -7, 3, 0], [8, 6, 4, 2, 0]):
        paths = torch.tensor([[0, 1, -1, far, 3, 2, 9, -far, 1], [far, 0, 1, 2, -5, 9, 0, 1, 2], [-1, 99, *range(7)]])
        for longest in (2, 256):
            unordered = lambda name, *a: gpu(name, *a, orders=(0,))  # noqa: E731
            passes = Passes(unordered, h, (torch.tensor(ptr), paths.int()), longest, longest == 2)  # type: ignore[arg-type]
            _, _, norms = passes.forward(att, target, weight, term)
            passes.backward(*grads, att, target, weight, term, norms)
    assert all(torch.equal(t, kept) for t, kept in zip(inputs, before, strict=True))
    expected = path_attention_reference(h.double(), sound, att.double(), target.double(), None, "max", SLOPE)[0]
    assert_close(Passes(gpu, h, group_paths(sound, 4), 256, False).forward(att, target, None)[0], expected)
