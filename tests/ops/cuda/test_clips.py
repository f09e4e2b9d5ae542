"""The CUDA kernels of the operators on skeleton clips, on an emulated GPU, against plain PyTorch."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from graphkit.ops.joints import joint_affinity_reference, joint_mix_reference
from graphkit.ops.temporal_conv3 import temporal_conv3_reference
from tests.ops.cuda.emulated import SANITIZER, TYPES, Emulator, Int, Shifted, groups, slots, unset, wide
from tests.ops.cuda.launchers import assert_close

# Lengths of sequences, joints, groups, width, frames beyond which a sequence is divided.
SIZES = [
    ([3, 1, 4], 5, 2, 8, 64),
    ([3, 0, 2], 1, 1, 1, 64),
    ([20, 1, 9], 17, 1, 4, 4),  # parts of long sequences; joints that do not fit the registers of a thread
    ([2, 5], 35, 1, 3, 64),  # more joints than a tile has; rows that cannot be read in vectors
    ([7], 25, 3, 16, 64),
    ([0, 0], 3, 1, 4, 64),
]


class Clips:
    """The launchers as functions of tensors, on frames of the given lengths."""

    def __init__(self, gpu: Emulator, lengths: Sequence[int], longest: int = 64, shifted: bool = False) -> None:
        self.gpu, self.longest, self.shifted = gpu, longest, shifted
        self.ptr = torch.tensor([0, *lengths]).cumsum(0)

    def joints(self, x: Tensor) -> tuple:
        """The structure ``Joints`` of ``clips.h``."""
        return (Shifted(x) if self.shifted else x, *x.stride()[:3])

    def table(self, frames: int) -> tuple:
        return groups(self.ptr, frames, self.longest, frames > self.longest)

    def mix(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, rectify: bool = False) -> Tensor:
        out = unset(*x.shape, dtype=x.dtype)
        shared = weight.size(0) == 1 and self.ptr.numel() != 2
        arguments = (self.joints(x), weight.contiguous(), shared, bias, rectify, out, None)
        self.gpu("graphkit_joint_mix", Int(TYPES[x.dtype]), self.table(x.size(0)), tuple(x.shape[1:]), *arguments)
        return out

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        frames, joints, count, _ = a.shape
        out = unset(self.ptr.numel() - 1, count, joints, joints, dtype=wide(a.dtype))
        parts = unset(slots(frames, self.longest), count * joints * joints, dtype=wide(a.dtype))
        arguments = (tuple(a.shape[1:]), self.joints(a), self.joints(b), out, parts, None)
        self.gpu("graphkit_joint_affinity", Int(TYPES[a.dtype]), self.table(frames), *arguments)
        return out

    def window(self, x: Tensor, bias: Tensor | None = None, rectify: bool = False) -> Tensor:
        frames, joints, _, _, width = x.shape
        out = unset(frames, joints, 2, width, dtype=x.dtype)
        given = (Shifted(x) if self.shifted else x, *x.stride()[:2], width)
        arguments = ((joints, 2, width), given, bias, rectify, out, None)
        self.gpu("graphkit_temporal_conv3", Int(TYPES[x.dtype]), self.table(frames), *arguments)
        return out

    def window_transposed(self, grad: Tensor) -> Tensor:
        frames, joints, _, width = grad.shape
        out = unset(frames, joints, 2, 3, width, dtype=grad.dtype)
        name = "graphkit_temporal_conv3_transposed"
        self.gpu(name, Int(TYPES[grad.dtype]), self.table(frames), (joints, 2, width), grad, out, None)
        return out


def normal(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("lengths", "joints", "count", "width", "longest"), SIZES)
def test_all_kernels_equal_the_reference(
    gpu: Emulator, lengths: list[int], joints: int, count: int, width: int, longest: int, dtype: torch.dtype
) -> None:
    clips, frames, sums = Clips(gpu, lengths, longest), sum(lengths), wide(dtype)
    nonempty = Clips(gpu, [length for length in lengths if length > 0])  # as the plain forms need it
    x, y = (normal(frames, joints, count, width, dtype=dtype, seed=seed) for seed in (1, 2))

    weight = normal(len(lengths), count, joints, joints, dtype=sums)
    expected = joint_mix_reference(x.double(), weight.double(), clips.ptr)
    assert_close(clips.mix(x, weight), expected)
    bias = normal(count, width, dtype=sums)
    assert_close(clips.mix(x, weight, bias, True), (expected + bias.double()).relu())
    assert_close(clips.mix(x, weight[:1]), joint_mix_reference(x.double(), weight[:1].double(), clips.ptr))

    assert_close(clips.compare(x, y), joint_affinity_reference(x.double(), y.double(), clips.ptr))

    x = normal(frames, joints, 2, 3, width, dtype=dtype)
    exact = x.double().requires_grad_()
    expected = temporal_conv3_reference(exact, nonempty.ptr)
    assert_close(clips.window(x), expected.detach())
    bias = normal(2, width, dtype=sums)
    assert_close(clips.window(x, bias, True), (expected.detach() + bias.double()).relu())
    grad = normal(*expected.shape, dtype=dtype, seed=3)
    assert_close(clips.window_transposed(grad), torch.autograd.grad(expected, exact, grad.double())[0])


@pytest.mark.parametrize("dtype", TYPES)
def test_memory_that_is_not_aligned(gpu: Emulator, dtype: torch.dtype) -> None:
    clips, shifted = (Clips(gpu, [4, 3], shifted=there) for there in (False, True))
    x, weight = normal(7, 5, 2, 8, dtype=dtype), normal(2, 2, 5, 5, dtype=wide(dtype))
    assert torch.equal(shifted.mix(x, weight), clips.mix(x, weight))
    assert_close(shifted.compare(x, x), joint_affinity_reference(x.double(), x.double(), clips.ptr))
    x = normal(7, 5, 2, 3, 8, dtype=dtype)
    assert torch.equal(shifted.window(x), clips.window(x))


@pytest.mark.skipif(SANITIZER is None, reason="this g++ has no address sanitizer")
def test_nothing_is_read_outside_whatever_ptr_holds(gpu: Emulator) -> None:
    """The sanitizer would end the process. What comes out does not matter; all else is unharmed."""
    x, window, grad = normal(9, 3, 1, 4, dtype=torch.float32), torch.ones(9, 3, 2, 3, 4), torch.ones(9, 3, 2, 4)
    before, far = [t.clone() for t in (x, window, grad)], 2**62
    for ptr in ([0, 5, 3, 9, 99], [-far, far, -7, 3, 0], [8, 6, 4, 2, 0], [far] * 5):
        for longest in (2, 64):
            clips = Clips(lambda name, *a: gpu(name, *a, orders=(0,)), [], longest)  # type: ignore[arg-type]
            clips.ptr = torch.tensor(ptr)
            clips.mix(x, torch.ones(4, 1, 3, 3))
            clips.compare(x, x)
            clips.window(window)
            clips.window_transposed(grad)
    assert all(torch.equal(t, kept) for t, kept in zip((x, window, grad), before, strict=True))
    sound = Clips(gpu, [4, 5])
    assert_close(sound.compare(x, x), joint_affinity_reference(x.double(), x.double(), sound.ptr))
