"""Dropout of large tensors: the generator, the mask of both passes, and when it is used."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.nn.sparse import drop
from graphkit.ops import _dropout
from graphkit.ops._native import has_native

pytestmark = pytest.mark.skipif(not has_native("dropout"), reason="the native operators are not in use")
BLOCK, LANES = 4096, 16


def native(x: Tensor, p: float, seed: int) -> Tensor:
    return torch.ops.graphkit.dropout(x, p, seed)


def random_bits(seed: int, count: int) -> np.ndarray:
    """Returns the bits of splitmix64 and xoshiro128++, written out number by number."""
    mask64, mask32 = 2**64 - 1, 2**32 - 1

    def split(state: int) -> tuple[int, int]:
        state = (state + 0x9E3779B97F4A7C15) & mask64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask64
        return state, z ^ (z >> 31)

    def rotate(word: int, by: int) -> int:
        return ((word << by) | (word >> (32 - by))) & mask32

    bits = []
    for block in range(-(-count // BLOCK)):
        state = split(seed & mask64)[1] ^ block
        words: list[int] = []
        for _ in range(2 * LANES):
            state, word = split(state)
            words += [word & mask32, word >> 32]
        lanes = [[words[i * LANES + lane] for i in range(4)] for lane in range(LANES)]
        for _ in range(BLOCK // LANES):
            for s in lanes:
                bits.append((rotate((s[0] + s[3]) & mask32, 7) + s[0]) & mask32)
                shifted = (s[1] << 9) & mask32
                s[2] ^= s[0]
                s[3] ^= s[1]
                s[1] ^= s[2]
                s[0] ^= s[3]
                s[2] ^= shifted
                s[3] = rotate(s[3], 11)
    return np.array(bits[:count], dtype=np.uint64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 4096, 9001])
def test_values_follow_the_generators(count: int, dtype: torch.dtype) -> None:
    x = torch.randn(count, dtype=dtype)
    for p, seed in ((0.0, 3), (0.3, -5), (0.9, 2**62)):
        kept = torch.from_numpy(random_bits(seed, count) >= int(p * 2**32))
        torch.testing.assert_close(native(x, p, seed), torch.where(kept, x / (1 - p), 0.0))


def test_gradients_have_the_mask_of_the_values() -> None:
    x = torch.randn(70, 90, dtype=torch.float64, requires_grad=True)
    mask = native(torch.ones_like(x), 0.4, 11).detach()
    torch.testing.assert_close(torch.autograd.grad(native(x, 0.4, 11).sum(), x)[0], mask)
    small = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: native(x, 0.4, 11), small)
    assert torch.autograd.gradgradcheck(lambda x: native(x, 0.4, 11), small)
    strided = torch.randn(40, 30).t()
    assert torch.equal(native(strided, 0.4, 11), native(strided.contiguous(), 0.4, 11))
    torch.library.opcheck(torch.ops.graphkit.dropout.default, (small, 0.4, 11))


def test_bits_are_independent() -> None:
    kept = torch.stack([native(torch.ones(2**18), 0.5, seed) > 0 for seed in range(8)]).double() - 0.5
    shifts = [kept[:, step:].flatten() * kept[:, : kept.size(1) - step].flatten() for step in (1, 16, 4096)]
    seeds = [(kept[0] * kept[1]), (kept[2] * kept[7])]
    for product in (kept.flatten(), *shifts, *seeds):
        assert abs(float(product.mean())) < 5 * float(product.std()) / product.numel() ** 0.5


def test_any_number_of_threads_and_any_instruction_set() -> None:
    code = "import sys, torch, graphkit.ops; torch.set_num_threads(int(sys.argv[1])); "
    code += "kept = torch.ops.graphkit.dropout(torch.ones(300_007), 0.2, 5).nonzero().flatten()"
    code += "; print(hash(tuple(kept.tolist())))"
    seen = set()
    for machine, threads in (("", "1"), ("", "3"), ("avx2", "1"), ("base", "2")):
        environment = {**os.environ, "GRAPHKIT_CPU": machine} if machine else dict(os.environ)
        command = [sys.executable, "-c", code, threads]
        seen.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    assert len(seen) == 1


def test_only_large_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dropout, "LARGE", 1000)
    for count, same in ((999, True), (1000, False)):
        x = torch.randn(count)
        torch.manual_seed(2)
        out = drop(x, 0.5, training=True)
        torch.manual_seed(2)
        assert torch.equal(out, F.dropout(x, 0.5)) == same
        torch.manual_seed(2)
        assert torch.equal(out, drop(x, 0.5, training=True))  # the seed comes from PyTorch's generator
    x = torch.randn(2000)
    assert drop(x, 0.5, training=False) is x and not bool(drop(x, 1.0, training=True).any())
    assert drop(x.half(), 0.5, training=True).dtype == torch.float16
    _, tangent = torch.func.jvp(lambda x: drop(x, 0.5, training=True), (x,), (torch.ones(2000),))
    assert set(tangent.unique().tolist()) == {0.0, 2.0}


def test_wrong_arguments() -> None:
    with pytest.raises(RuntimeError, match="float32 or float64"):
        native(torch.ones(3, dtype=torch.int64), 0.5, 1)
    for p in (1.0, -0.1, float("nan")):
        with pytest.raises(RuntimeError, match="from 0 to below 1"):
            native(torch.ones(3), p, 1)
