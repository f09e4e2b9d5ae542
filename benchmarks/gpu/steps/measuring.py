"""Times of calls, by events of the GPU."""

import statistics
import time
from collections.abc import Callable

import torch
from reporting import DEVICE, DRY


def median_ms(call: Callable[[], object], seconds: float = 0.25) -> float:
    """Returns the median milliseconds of a call; some calls warm up first."""
    call()  # what is compiled or allocated for good
    synchronize()
    begin = time.perf_counter()
    call()
    call()
    synchronize()
    once = max((time.perf_counter() - begin) / 2, 1e-6)
    count = 1 if DRY else min(max(int(seconds / once), 5), 200)
    if DEVICE == "cpu":
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - begin))
        return statistics.median(times)
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(count)]
    for first, last in events:
        first.record()
        call()
        last.record()
    synchronize()
    return statistics.median(first.elapsed_time(last) for first, last in events)


def copy_speed() -> float:
    """Returns the bytes per second of a copy that exceeds all caches, read and written ones together."""
    x = torch.empty(2**20 if DRY else 2**31, dtype=torch.uint8, device=DEVICE).random_()
    y = torch.empty_like(x)
    return 2 * x.numel() / median_ms(lambda: y.copy_(x)) * 1e3


def peak_mb(call: Callable[[], object]) -> float | None:
    """Returns the MB that a call takes on the GPU beyond what is there before; None on the CPU."""
    if DEVICE == "cpu":
        return None
    synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def synchronize() -> None:
    """Waits for the GPU."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
