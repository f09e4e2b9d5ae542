"""Times operators with large results in fresh memory, with and without huge pages, and in memory that is there.

    python benchmarks/ops/fresh_memory.py [--json FILE] [--rounds N] [--rows N] [--clock cpu]

A result of `rows` x 64 float32 numbers (256 MB by default) that is made anew takes memory from the system, which clears
each page when it is first touched. Three kinds of processes run in turns, on one thread:

    fresh      as for any user: the operators ask for huge pages
    4 KB       the same, but the process has switched huge pages off (prctl PR_SET_THP_DISABLE)
    existing   the allocator keeps a gigabyte that was written before (mallopt), from which results are taken

Each cell is the median over all calls but the first one in each process. `resident` is how much the process grows at
its peak. `gradient` is the backward pass alone. For a copy of the same size, torch allocates the result.
"""

import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import _status_kb, announce, write
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit import ops

KINDS = ("fresh", "4 KB", "existing")
WIDTH = 64
CALLS = 4
Call = Callable[[], object]


def prepare(kind: str) -> None:
    """Sets up this process."""
    libc = ctypes.CDLL(None)
    if kind == "4 KB":
        libc.prctl(41, 1, 0, 0, 0)
    elif kind == "existing":
        libc.mallopt(-4, 0)  # M_MMAP_MAX
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
        torch.ones(2**28)


def make_calls(rows: int) -> dict[str, Call]:
    """Returns operators whose results have as many rows as their inputs."""
    x = torch.randn(rows, WIDTH)
    ptr = torch.arange(0, rows + 1, 10)
    edges = EdgeIndex(torch.stack([torch.arange(rows), torch.arange(rows)]), sparse_size=(rows, rows))

    def gradient(operator: Callable[[Tensor], Tensor]) -> Call:
        leaf = x.clone().requires_grad_()
        out = operator(leaf)
        grad = torch.ones_like(out)
        return lambda: torch.autograd.grad(out, leaf, grad, retain_graph=True)

    return {
        "copy": lambda: x.clone(),
        "segment_softmax": lambda: ops.segment_softmax(x, ptr),
        "segment_softmax, gradient": gradient(lambda x: ops.segment_softmax(x, ptr)),
        "segment_sum, gradient": gradient(lambda x: ops.segment_sum(x, ptr)),
        "aggregate": lambda: ops.aggregate(x, edges),
        "aggregate, gradient": gradient(lambda x: ops.aggregate(x, edges)),
    }


def measure(kind: str, rows: int, clock: str) -> dict[str, dict[str, object]]:
    """Measures everything in this process."""
    prepare(kind)
    torch.set_num_threads(1)
    now = time.process_time if clock == "cpu" else time.perf_counter
    figures: dict[str, dict[str, object]] = {}
    for name, call in make_calls(rows).items():
        samples = []
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_kb("VmRSS")
        for _ in range(CALLS):
            start = now()
            call()
            samples.append(1e3 * (now() - start))
        figures[name] = {"ms": samples[1:], "resident_mb": (_status_kb("VmHWM") - before) / 1024}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        print(json.dumps(measure(options.kind, options.rows, options.clock)))
        return
    environment = announce() | {"clock": options.clock, "rows": options.rows}
    switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    print(f"huge pages: {switch.read_text().strip() if switch.exists() else 'none'}")
    command = [sys.executable, __file__, "--rows", str(options.rows), "--clock", options.clock, "--kind"]
    results: dict[str, list[dict[str, dict[str, object]]]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind in KINDS:
            done = subprocess.run([*command, kind], check=True, capture_output=True, text=True)
            results[kind].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n{'':28}" + "".join(f"{kind:>22}" for kind in KINDS) + f"{'fresh / existing':>18}")
    rows = []
    for name in results["fresh"][0]:
        line, medians = f"{name:28}", {}
        for kind in KINDS:
            medians[kind] = statistics.median(ms for run in results[kind] for ms in run[name]["ms"])
            resident = statistics.median(run[name]["resident_mb"] for run in results[kind])
            line += f"{medians[kind]:9.1f} ms {resident:6.0f} MB"
            rows.append({"call": name, "memory": kind, "ms": medians[kind], "resident_mb": resident})
        print(f"{line}{medians['fresh'] / medians['existing']:16.2f} x", flush=True)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
