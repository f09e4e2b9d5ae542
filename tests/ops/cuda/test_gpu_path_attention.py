"""path_attention on a GPU, against the plain PyTorch form in float64 on the CPU, in all types."""

import pytest
import torch
from torch import Tensor

from graphkit.ops import path_attention
from graphkit.ops.path_attention import path_attention_reference
from tests.ops.cuda.gpu import DEVICE, SCALE, TYPES, need_gpu, normal, random_index
from tests.ops.cuda.launchers import assert_close

need_gpu()


def inputs(heads: int, width: int, dtype: torch.dtype) -> list[Tensor]:
    """Features with ties, and vectors that keep scores of order 1."""
    h = normal(SCALE, heads, width, dtype=dtype, seed=1)
    h = torch.where(h > 1, h.new_ones(()), h)
    att = (normal(heads, width, dtype=torch.float64, seed=2) / width**0.5).to(dtype)
    return [h, att, normal(SCALE, heads, dtype=dtype, seed=3), normal(20 * SCALE, heads, dtype=dtype, seed=4)]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize("hops, heads, width", [(2, 8, 8), (1, 8, 8), (3, 1, 64), (2, 3, 5), (1, 1, 300)])
def test_forward_and_gradients(hops: int, heads: int, width: int, pool: str, dtype: torch.dtype) -> None:
    tensors = inputs(heads, width, dtype)
    path_index = random_index(SCALE, hops + 1, 20 * SCALE, seed=5)
    ours = [t.to(DEVICE).requires_grad_() for t in tensors]
    exact = [t.double().requires_grad_() for t in tensors]
    results = []
    for _ in range(2):
        outs = path_attention(
            ours[0], path_index.to(DEVICE), *ours[1:3], weight=ours[3], pool=pool, return_attention=True
        )
        seeds = [normal(*t.shape, dtype=dtype, seed=6 + t.dim()) for t in outs]
        results.append([*outs, *torch.autograd.grad(outs, ours, [seed.to(DEVICE) for seed in seeds])])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    expected = path_attention_reference(exact[0], path_index, *exact[1:], pool, 0.2)
    expected = [*expected, *torch.autograd.grad(expected, exact, [seed.double() for seed in seeds])]
    for actual, other in zip(results[0], expected, strict=True):
        assert actual.dtype == dtype and actual.device.type == DEVICE
        assert_close(actual.detach().cpu(), other.detach(), room=2e-5, least=1.0)


def test_without_weight_and_nodes_without_paths() -> None:
    h, att, target, _ = inputs(2, 4, torch.float32)
    path_index = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 2, 0]])
    out = path_attention(h.to(DEVICE), path_index.to(DEVICE), att.to(DEVICE), target.to(DEVICE)).cpu()
    h, att, target = h.double(), att.double(), target.double()
    assert_close(out, path_attention_reference(h, path_index, att, target, None, "max", 0.2)[0])
    assert not out[[1, 3]].any()
