"""Times factor_aggregate: native code, the plain PyTorch reference, and a loop over factors with index_add_.

    python benchmarks/ops/factor_aggregate.py [--json FILE] [--seconds S] [--threads 1 2] [--clock cpu]

The forms "with edge terms" add one number per edge and factor to the scores. Each cell is the median over interleaved
runs (one of each form in turn), so that a busy machine slows all alike. Memory is the peak of a forward and backward
pass above what the inputs take, measured in a process of its own.

More threads than idle cores make the figures worthless (a ratio then says who waited longest): the load is printed.
"""

import statistics
import time
from collections.abc import Callable

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import backend, factor_aggregate
from graphkit.ops.factor_aggregate import factor_aggregate_reference

SIZES = [  # name, nodes, edges, factors, width
    ("one graph, wide", 10_000, 100_000, 8, 64),
    ("1000 graphs of 15", 15_000, 70_000, 4, 8),
    ("1000 graphs of 15", 15_000, 70_000, 8, 4),
    ("1000 graphs of 15", 15_000, 70_000, 2, 16),
    ("1000 graphs of 15", 15_000, 70_000, 1, 32),
    ("molecules, 144 / 8", 23_000, 50_000, 8, 18),
    ("Cora", 2_708, 13_264, 4, 16),
]
Form = Callable[[Tensor, Tensor, Tensor], Tensor]


def loop(h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    """One factor after another, each with its own gates; index_select, since the backward of h[row] is slower."""
    row, col = edge_index
    h_row = h.index_select(0, row)
    factors = []
    for m in range(source.size(1)):
        gate = torch.sigmoid(source[:, m].index_select(0, row) + target[:, m].index_select(0, col))
        factors.append(torch.zeros_like(h).index_add_(0, col, gate[:, None] * h_row))
    return torch.stack(factors, dim=1)


def make_inputs(nodes: int, edges: int, factors: int, width: int) -> tuple[tuple[Tensor, ...], Tensor, EdgeIndex]:
    """Returns features and terms, the edges as a plain tensor in random order, and the same edges sorted."""
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(nodes, size, generator=generator) for size in (width, factors, factors)]
    plain = torch.randint(nodes, (2, edges), generator=generator)
    sorted_edges = plain[:, torch.sort(plain[1], stable=True).indices]
    edge_index = EdgeIndex(sorted_edges, sparse_size=(nodes, nodes), sort_order="col")
    return tuple(t.requires_grad_() for t in tensors), plain, edge_index


def make_forms(plain: Tensor, edge_index: EdgeIndex, factors: int) -> dict[str, Form]:
    """Returns what is compared. The plain PyTorch forms get sorted edges too, which they like better than random."""
    edges = edge_index.as_tensor()
    terms = torch.randn(edges.size(1), factors, generator=torch.Generator().manual_seed(1))
    forms: dict[str, Form] = {}
    if backend() == "native":
        forms["native"] = lambda *t: factor_aggregate(*t, edge_index)
        forms["native, unsorted edges"] = lambda *t: factor_aggregate(*t, plain)
        forms["native, with edge terms"] = lambda *t: factor_aggregate(*t, edge_index, edge=terms)
    forms["torch"] = lambda *t: factor_aggregate_reference(*t, edges, 1.0)
    forms["torch, with edge terms"] = lambda *t: factor_aggregate_reference(*t, edges, 1.0, terms)
    forms["loop"] = lambda *t: loop(*t, edges)
    return forms


def time_forms(
    forms: dict[str, Form], inputs: tuple[Tensor, ...], seconds: float, clock: Callable[[], float]
) -> dict[str, dict[str, float]]:
    """Returns median milliseconds of the forward pass alone and of both passes."""
    grad = torch.randn_like(forms["loop"](*inputs))
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in forms}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 6 or time.perf_counter() < stop:
        for name, form in forms.items():
            with torch.no_grad():
                start = clock()
                form(*inputs)
                forward = clock() - start
            start = clock()
            torch.autograd.grad(form(*inputs), inputs, grad)
            both = clock() - start
            if rounds > 0:  # the first round warms up
                samples[name][0].append(1e3 * forward)
                samples[name][1].append(1e3 * both)
        rounds += 1
    return {
        name: {"forward_ms": statistics.median(forward), "both_ms": statistics.median(both)}
        for name, (forward, both) in samples.items()
    }


def run(seconds: float, threads: list[int], clock: Callable[[], float]) -> list[dict[str, object]]:
    """Measures everything and prints it as it comes. Memory first: forking is safe while there is one thread."""
    rows: list[dict[str, object]] = []
    torch.set_num_threads(1)
    memory = {}
    for size in SIZES:
        inputs, plain, edge_index = make_inputs(*size[1:])
        for name, form in make_forms(plain, edge_index, size[3]).items():
            memory[size[1:], name] = peak_memory_mb(lambda f=form, i=inputs: f(*i).sum().backward())
    for count in threads:
        torch.set_num_threads(count)
        for title, *size in SIZES:
            inputs, plain, edge_index = make_inputs(*size)
            print(f"\n{title}: N={size[0]} E={size[1]} M={size[2]} D={size[3]}, {count} thread(s)")
            print(f"{'':24}{'forward':>11}{'':9}{'+ backward':>13}{'':9}{'memory':>10}")
            timed = time_forms(make_forms(plain, edge_index, size[2]), inputs, seconds, clock)
            base = timed["loop"]
            for name, ms in timed.items():
                peak = memory[tuple(size), name]
                print(
                    f"{name:24}{ms['forward_ms']:8.2f} ms{base['forward_ms'] / ms['forward_ms']:7.1f} x"
                    f"{ms['both_ms']:10.2f} ms{base['both_ms'] / ms['both_ms']:7.1f} x"
                    + ("" if peak is None else f"{peak:7.1f} MB")
                )
                shape = dict(zip(("nodes", "edges", "factors", "width"), size, strict=True))
                rows.append({"form": name, "threads": count, **shape, **ms, "peak_memory_mb": peak})
    return rows


def main() -> None:
    parser = options_of(__doc__, seconds=2.0)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    environment = announce() | {"clock": options.clock}
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    rows = run(options.seconds, options.threads, clock)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
