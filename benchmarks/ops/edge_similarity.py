"""Times edge_similarity: native code, the plain PyTorch reference, and the form with a row per edge, for every kernel.

    python benchmarks/ops/edge_similarity.py [--json FILE] [--seconds S] [--threads 1 2]

Each cell is the median over interleaved runs (one of each form in turn), so that a busy machine slows all alike. Memory
is the peak of a forward and backward pass above what the inputs take, measured in a process of its own.

An edge needs D differences or products forward, and backward as many at both of its ends, each of them a number read
out of a cache: 4 E D bytes forward and 12 E D in both passes. The row "copy" is one of the least bytes that must move:
features and edges once and a number per edge; with the backward pass features and edges again, and the gradient.

More threads than idle cores make the figures worthless (a ratio then says who waited longest): the load is printed.
"""

import statistics
import time
from collections.abc import Callable

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import backend, edge_similarity
from graphkit.ops._edge_measure import ABSOLUTE, DOT, SQUARE, edge_measure_reference

SIZES = [("wide", 3_000, 60_000, 1024), ("Cora's size", 2_708, 10_556, 64), ("point clouds", 32_768, 655_360, 64)]
KERNELS = ("rbf", "linear", "poly", "euclidean", "l1exp")
Form = Callable[[Tensor], Tensor]


def finish(kernel: str, measure: Tensor) -> Tensor:
    """From a distance or product to the kernel's value, with the options' defaults."""
    if kernel == "rbf":
        return torch.exp(-0.5 * measure)
    if kernel == "l1exp":
        return torch.exp(-0.01 * measure)
    return measure**2 if kernel == "poly" else measure


def row_per_edge(z: Tensor, row: Tensor, col: Tensor, kernel: str) -> Tensor:
    """index_select, since the backward of z[row] is slower."""
    one, other = z.index_select(0, row), z.index_select(0, col)
    if kernel in ("linear", "poly"):
        return finish(kernel, (one * other).sum(1))
    gap = one - other
    return finish(kernel, gap.abs().sum(1) if kernel == "l1exp" else (gap**2).sum(1))


def make_inputs(nodes: int, edges: int, width: int) -> tuple[Tensor, EdgeIndex]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(nodes, width, generator=generator) / width**0.5
    plain = torch.randint(nodes, (2, edges), generator=generator)
    sorted_edges = plain[:, torch.sort(plain[1], stable=True).indices].contiguous()
    return z.requires_grad_(), EdgeIndex(sorted_edges, sparse_size=(nodes, nodes), sort_order="col")


def make_forms(edge_index: EdgeIndex, kernel: str) -> dict[str, Form]:
    row, col = edge_index.as_tensor()
    measure = {"linear": DOT, "poly": DOT, "l1exp": ABSOLUTE}.get(kernel, SQUARE)
    forms: dict[str, Form] = {}
    if backend() == "native":
        forms["native"] = lambda z: edge_similarity(z, edge_index, kernel)
    forms["torch"] = lambda z: finish(kernel, edge_measure_reference(z, row, col, measure))
    forms["a row per edge"] = lambda z: row_per_edge(z, row, col, kernel)
    return forms


def time_forms(forms: dict[str, Form], z: Tensor, edges: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Returns median milliseconds of the forward pass alone and of both passes."""
    numbers = z.numel() + 5 * edges  # of 4 bytes; an edge has two indices of 8 bytes and a result
    buffer = torch.ones(2, (3 * z.numel() + 9 * edges) // 2)
    grad = torch.randn(edges)
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in (*forms, "copy")}
    stop, rounds = time.perf_counter() + seconds, 0
    while rounds < 6 or time.perf_counter() < stop:
        for name in samples:
            start = time.perf_counter()
            if name == "copy":
                buffer[0, : numbers // 2].copy_(buffer[1, : numbers // 2])
            else:
                with torch.no_grad():
                    forms[name](z)
            middle = time.perf_counter()
            if name == "copy":
                buffer[0].copy_(buffer[1])
            else:
                torch.autograd.grad(forms[name](z), z, grad)
            if rounds > 0:  # the first round warms up
                samples[name][0].append(1e3 * (middle - start))
                samples[name][1].append(1e3 * (time.perf_counter() - middle))
        rounds += 1
    return {name: (statistics.median(forward), statistics.median(both)) for name, (forward, both) in samples.items()}


def run(seconds: float, threads: list[int]) -> list[dict[str, object]]:
    """Measures everything and prints it as it comes. Memory first: forking is safe while there is one thread."""
    rows: list[dict[str, object]] = []
    torch.set_num_threads(1)
    memory: dict[tuple[str, str, str], float | None] = {}
    for title, *size in SIZES:
        z, edge_index = make_inputs(*size)
        for kernel in KERNELS:
            for name, form in make_forms(edge_index, kernel).items():
                memory[title, kernel, name] = peak_memory_mb(lambda f=form, z=z: f(z).sum().backward())
    for count in threads:
        torch.set_num_threads(count)
        for title, *size in SIZES:
            z, edge_index = make_inputs(*size)
            for kernel in KERNELS:
                print(f"\n{title}: N={size[0]} E={size[1]} D={size[2]}, {kernel}, {count} thread(s)")
                print(f"{'':16}{'forward':>11}{'':9}{'+ backward':>13}{'':9}{'memory':>10}")
                timed = time_forms(make_forms(edge_index, kernel), z, size[1], seconds)
                base = timed["a row per edge"]
                for name, (forward, both) in timed.items():
                    peak = memory.get((title, kernel, name))
                    print(
                        f"{name:16}{forward:8.2f} ms{base[0] / forward:7.1f} x{both:10.2f} ms{base[1] / both:7.1f} x"
                        + ("" if peak is None else f"{peak:7.1f} MB")
                    )
                    shape = dict(zip(("nodes", "edges", "width"), size, strict=True))
                    row = {"form": name, "kernel": kernel, "threads": count, **shape}
                    rows.append({**row, "forward_ms": forward, "both_ms": both, "peak_memory_mb": peak})
    return rows


def main() -> None:
    options = options_of(__doc__, seconds=1.0).parse_args()
    environment = announce()
    rows = run(options.seconds, options.threads)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
