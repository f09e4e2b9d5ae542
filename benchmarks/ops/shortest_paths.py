"""Times shortest_paths: against SciPy's Dijkstra on a graph like Cora, and on graphs that grow.

    python benchmarks/ops/shortest_paths.py [--json FILE] [--threads 1 2] [--large]

The first table compares the native code with `scipy.sparse.csgraph.dijkstra` (predecessors and all) followed by the
choice of paths in NumPy, and checks that both give the same paths. It uses Cora itself where GRAPHKIT_DATA holds it.
The second one shows the time per node on graphs grown by preferential attachment (3 edges per new node) for three sorts
of costs: those of attention, 1 per edge, and independent uniform numbers, for which cheap long routes abound. Paths of
up to 2 hops, ratio 0.5. `--large` adds a million nodes. Memory is the peak above what the graph takes, measured in a
process of its own; next to it stands the size of the paths returned.

Medians over runs; the runs of the two forms alternate. More threads than idle cores make the figures worthless.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from measuring import announce, peak_memory_mb, write
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from graphkit.ops import backend, shortest_paths

SIZES = [10_000, 100_000]
LARGE = 1_000_000
UNIFORM_NODES = 2_000  # as many nodes as are searched from where costs are uniform
Paths = tuple[list[Tensor], list[Tensor]]


def grow(nodes: int, edges_per_node: int = 3) -> Tensor:
    """Returns the edges, both ways, of a graph in which each new node joins three that have many edges already."""
    generator = np.random.default_rng(0)
    ends = np.empty(2 * edges_per_node * nodes, dtype=np.int64)
    ends[: 2 * edges_per_node] = [end for i in range(edges_per_node) for end in (i, (i + 1) % edges_per_node)]
    used = 2 * edges_per_node
    for node in range(edges_per_node, nodes):
        chosen: set[int] = set()
        while len(chosen) < edges_per_node:
            draws = (generator.random(edges_per_node) * used).astype(np.int64)
            chosen.update(ends[draws[: edges_per_node - len(chosen)]].tolist())
        for other in chosen:
            ends[used], ends[used + 1] = node, other
            used += 2
    half = torch.from_numpy(ends[:used].reshape(-1, 2).T.copy())
    return torch.cat([half, half.flip(0)], dim=1)


def attention_costs(edge_index: Tensor, nodes: int, heads: int = 8) -> Tensor:
    """Returns 1 - a / max(a) per edge, where a is the mean of several heads of attention with random scores."""
    generator = torch.Generator().manual_seed(0)
    edges = edge_index.size(1)
    target = torch.cat([edge_index[1], torch.arange(nodes)])  # every node attends to itself, too
    scores = torch.randn(target.numel(), heads, generator=generator).exp()
    sums = torch.zeros(nodes, heads).index_add_(0, target, scores)
    attention = (scores / sums[target]).mean(1)[:edges].double()
    return 1 - attention / attention.max()


def with_scipy(edge_index: Tensor, cost: Tensor, nodes: int, ratio: float) -> list[np.ndarray]:
    """The usual way: all distances and predecessors, then the paths of one and two hops, and the cheapest of these."""
    source, target = edge_index.numpy()
    graph = csr_array((cost.numpy(), (target, source)), shape=(nodes, nodes))
    distance, before = dijkstra(graph, return_predecessors=True)
    centers = np.arange(nodes)[:, None]
    one = before == centers
    middle = np.where(before >= 0, before, centers)
    two = (before >= 0) & ~one & (np.take_along_axis(before, middle, axis=1) == centers)
    chosen = []
    for mask in (one, two):
        center, far_end = mask.nonzero()
        order = np.lexsort((far_end, distance[center, far_end], center))
        center, far_end = center[order], far_end[order]
        if mask is two:
            count = np.bincount(center, minlength=nodes)
            rank = np.arange(center.size) - (count.cumsum() - count)[center]
            keep = rank < np.maximum(1, np.rint(ratio * np.diff(graph.indptr)))[center]
            center, far_end = center[keep], far_end[keep]
            chosen.append(np.stack([far_end, before[center, far_end], center]))
        else:
            chosen.append(np.stack([far_end, center]))
    return chosen


def cora_like() -> tuple[str, Tensor, int]:
    """Returns Cora if it is at hand, or else a grown graph of its size."""
    if os.environ.get("GRAPHKIT_DATA"):
        from graphkit.data import load

        data = load("cora").graphs[0]
        edge_index = data.edge_index.as_subclass(Tensor).clone()
        return "Cora", edge_index[:, edge_index[0] != edge_index[1]].contiguous(), int(data.num_nodes)
    return "Cora's size", grow(2708, 2), 2708


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def against_scipy(threads: list[int]) -> list[dict[str, object]]:
    name, edge_index, nodes = cora_like()
    cost = attention_costs(edge_index, nodes)
    paths, _ = shortest_paths(edge_index, cost, num_nodes=nodes, ratio=0.5)
    expected = with_scipy(edge_index, cost, nodes, 0.5)
    same = all(np.array_equal(p.numpy(), e) for p, e in zip(paths, expected, strict=True))
    print(f"\n{name}: N={nodes} E={edge_index.size(1)}, {paths[0].size(1)} + {paths[1].size(1)} paths, same: {same}")
    if not same:
        raise RuntimeError("the paths differ from those of SciPy")
    rows: list[dict[str, object]] = []
    for count in threads:
        torch.set_num_threads(count)
        ours, scipy = [], []
        for _ in range(7):
            runs = [seconds(lambda: shortest_paths(edge_index, cost, num_nodes=nodes, ratio=0.5)) for _ in range(5)]
            ours.append(statistics.median(runs))
            scipy.append(seconds(lambda: with_scipy(edge_index, cost, nodes, 0.5)))
        mine, theirs = 1e3 * statistics.median(ours), 1e3 * statistics.median(scipy)
        print(f"  {count} thread(s): {backend()} {mine:8.2f} ms    scipy {theirs:8.1f} ms    {theirs / mine:6.1f} x")
        rows.append({"graph": name, "nodes": nodes, "threads": count, "ours_ms": mine, "scipy_ms": theirs})
    return rows


def on_growing_graphs(sizes: list[int], threads: list[int]) -> list[dict[str, object]]:
    """Measures memory first: forking is safe while there is one thread."""
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    calls: dict[tuple[str, int], Callable[[], Paths]] = {}
    sources: dict[tuple[str, int], int] = {}
    memory: dict[tuple[str, int], tuple[float | None, float]] = {}
    for nodes in sizes:
        edge_index = grow(nodes)
        some = torch.randperm(nodes, generator=torch.Generator().manual_seed(0))[:UNIFORM_NODES]
        uniform = torch.rand(edge_index.size(1), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        attention = attention_costs(edge_index, nodes)
        kinds = {"attention": (attention, None), "ones": (None, None), "uniform": (uniform, some)}
        for kind, (cost, start) in kinds.items():
            calls[kind, nodes] = lambda e=edge_index, c=cost, n=nodes, s=start: shortest_paths(
                e, c, num_nodes=n, sources=s, ratio=0.5
            )
            sources[kind, nodes] = nodes if start is None else start.numel()
            paths, costs = calls[kind, nodes]()
            returned = sum(t.numel() * t.element_size() for t in paths + costs) / 2**20
            del paths, costs
            memory[kind, nodes] = (peak_memory_mb(calls[kind, nodes]), returned)
    for count in threads:
        torch.set_num_threads(count)
        print(f"\nPreferential attachment, {count} thread(s)")
        print(f"{'costs':12}{'nodes':>10}{'per node':>13}{'growth':>9}{'peak':>12}{'returned':>12}")
        for kind in ("attention", "ones", "uniform"):
            first = None
            for nodes in sizes:
                call = calls[kind, nodes]
                runs = [seconds(call) for _ in range(3 if nodes < LARGE and kind != "uniform" else 1)]
                micro = 1e6 * statistics.median(runs) / sources[kind, nodes]
                first = first or micro
                peak, returned = memory[kind, nodes]
                shown = "" if peak is None else f"{peak:9.1f} MB"
                print(f"{kind:12}{nodes:10}{micro:10.2f} us{micro / first:7.2f} x{shown:>12}{returned:9.1f} MB")
                row = {"costs": kind, "nodes": nodes, "sources": sources[kind, nodes], "threads": count}
                rows.append({**row, "us_per_node": micro, "peak_memory_mb": peak, "returned_mb": returned})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--large", action="store_true", help="a graph of a million nodes, too: some two minutes more")
    options = parser.parse_args()
    environment = announce()
    growing = on_growing_graphs(SIZES + [LARGE] * options.large, options.threads)
    rows = against_scipy(options.threads)
    write(options.json, environment, against_scipy=rows, growing=growing)


if __name__ == "__main__":
    main()
