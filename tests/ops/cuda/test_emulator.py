"""The emulated GPU itself: it must see what is wrong with a kernel, and round as a GPU does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.ops.cuda.emulated import SANITIZER, Emulator, build

KERNELS = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

__global__ void sums(float* x, bool waits) {  // every thread adds what its neighbor wrote
  __shared__ float shared[64];
  shared[threadIdx.x] = x[threadIdx.x];
  if (waits) __syncthreads();
  x[threadIdx.x] += shared[63 - threadIdx.x];
}

__global__ void divided(float* x) {  // half of a warp waits for all of it
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}

__global__ void beyond(float* x) { x[threadIdx.x + 1] = 0; }

__global__ void round_numbers(const float* x, float* as_half, float* as_bfloat16) {
  const int k = blockIdx.x * blockDim.x + threadIdx.x;
  as_half[k] = __half2float(__float2half_rn(x[k]));
  as_bfloat16[k] = __bfloat162float(__float2bfloat16_rn(x[k]));
}

template <class K, class... A>
const char* start(K kernel, int64_t blocks, int threads, A... arguments) {
  cudaLaunchConfig_t config{dim3(blocks), dim3(threads), 0, nullptr};
  return cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess ? nullptr : "wrong sizes";
}

extern "C" const char* run_sums(float* x, bool waits) { return start(sums, 1, 64, x, waits); }
extern "C" const char* run_divided(float* x) { return start(divided, 1, 32, x); }
extern "C" const char* run_beyond(float* x) { return start(beyond, 1, 32, x); }
extern "C" const char* run_rounding(const float* x, float* h, float* b, int64_t blocks) {
  return start(round_numbers, blocks, 256, x, h, b);
}
"""


@pytest.fixture(scope="module")
def faulty(emulation: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The same machine with other kernels."""
    source = tmp_path_factory.mktemp("faulty") / "kernels.cu"
    source.write_text(KERNELS)
    machine = Emulator(build(emulation, [source]))
    yield machine
    machine.close()


def test_a_missing_barrier_is_seen(faulty: Emulator) -> None:
    x = torch.arange(64.0)
    expected = x + x.flip(0)
    faulty("run_sums", x, True)
    assert torch.equal(x, expected)
    with pytest.raises(AssertionError, match="depends on which thread comes first"):
        faulty("run_sums", torch.arange(64.0), False)


def test_lanes_that_wait_for_others_in_vain_are_seen(faulty: Emulator) -> None:
    with pytest.raises(AssertionError, match="a mask names a lane that has returned"):
        faulty("run_divided", torch.ones(32))


def test_a_write_beside_the_memory_is_seen(faulty: Emulator) -> None:
    if not SANITIZER:
        pytest.skip("this g++ has no address sanitizer")
    with pytest.raises(AssertionError, match="heap-buffer-overflow"):
        faulty("run_beyond", torch.ones(32))


def test_sizes_that_no_gpu_takes_are_an_error(faulty: Emulator) -> None:
    with pytest.raises(AssertionError, match="wrong sizes"):
        faulty("run_rounding", torch.ones(1), torch.ones(1), torch.ones(1), 0)


def test_sixteen_bit_numbers_are_rounded_as_by_pytorch(faulty: Emulator) -> None:
    """Many float16 and bfloat16 numbers of every size, their neighbors in float32, and the middles between them."""
    bits = torch.arange(-(2**15), 2**15, 7).to(torch.int16)
    numbers = torch.cat([bits.view(torch.float16).float(), bits.view(torch.bfloat16).float()])
    middles = (numbers.view(torch.int32) + torch.tensor([[-1], [0], [1], [0x1000], [0xFFF], [0x1001], [0x8000]])).int()
    x = middles.flatten().view(torch.float32)
    x = x[: x.numel() // 256 * 256].contiguous()
    half, bfloat = torch.zeros_like(x), torch.zeros_like(x)
    faulty("run_rounding", x, half, bfloat, x.numel() // 256, orders=(0,))
    torch.testing.assert_close(half, x.half().float(), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(bfloat, x.bfloat16().float(), rtol=0, atol=0, equal_nan=True)
