"""Times the operators on one thread and on several, in turns: what another core is worth.

    python benchmarks/ops/threads.py [--json FILE] [--seconds S] [--threads 2] [--only OPERATOR ...]

The sizes are the first ones of the scripts beside this one. A run on one thread and one on several follow each other,
so that a busy machine slows both; but while another process takes a core, several threads are no faster than one. So
beside the ratio of the medians stands that of the fastest tenths, which a mostly idle machine comes close to.

Both passes are timed, except for shortest_paths, which has no gradient, and the segments' forward passes.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import factor_aggregate
import local_structure_divergence
import path_attention
import segments
import shortest_paths
import torch
from measuring import announce, write

from graphkit import ops

Call = Callable[[], object]


def make_calls() -> dict[str, Call]:
    calls: dict[str, Call] = {}

    factors, _, factor_edges = factor_aggregate.make_inputs(*factor_aggregate.SIZES[0][1:])
    grad = torch.randn(factors[0].size(0), factors[1].size(1), factors[0].size(1))
    calls["factor_aggregate, forward"] = lambda: ops.factor_aggregate(*(t.detach() for t in factors), factor_edges)
    calls["factor_aggregate"] = lambda: torch.autograd.grad(ops.factor_aggregate(*factors, factor_edges), factors, grad)

    inputs, _, paths = path_attention.make_inputs(*path_attention.SIZES[0][1:])
    ones = torch.ones_like(inputs[0])
    calls["path_attention"] = lambda: torch.autograd.grad(
        ops.path_attention(inputs[0], paths, *inputs[1:]), inputs, ones
    )

    student, teacher, _, edges = local_structure_divergence.make_inputs(*local_structure_divergence.SIZES[0][1:])
    calls["local_structure_divergence"] = lambda: torch.autograd.grad(
        ops.local_structure_divergence(student, teacher, edges), student
    )

    x, _, ptr = segments.make_inputs(*segments.SIZES[0][1:])
    plain = x.detach()
    calls["segment_sum, forward"] = lambda: ops.segment_sum(plain, ptr)
    calls["segment_max, forward"] = lambda: ops.segment_max(plain, ptr)
    calls["segment_softmax, forward"] = lambda: ops.segment_softmax(plain, ptr)

    _, cora, nodes = shortest_paths.cora_like()
    cost = shortest_paths.attention_costs(cora, nodes)
    calls["shortest_paths, Cora"] = lambda: ops.shortest_paths(cora, cost, num_nodes=nodes, ratio=0.5)
    grown = shortest_paths.grow(100_000)
    grown_cost = shortest_paths.attention_costs(grown, 100_000)
    calls["shortest_paths, 100k nodes"] = lambda: ops.shortest_paths(grown, grown_cost, num_nodes=100_000, ratio=0.5)
    return calls


def time_call(call: Call, threads: int, seconds: float) -> dict[str, float]:
    """Returns medians and fastest tenths in ms, of one thread and of several."""
    samples: dict[int, list[float]] = {1: [], threads: []}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 6 or time.perf_counter() < stop:
        for count, column in samples.items():
            torch.set_num_threads(count)
            call()  # wakes the threads, which sleep after a while
            start = time.perf_counter()
            call()
            column.append(1e3 * (time.perf_counter() - start))
        rounds += 1
    one, several = (sorted(column[1:]) for column in samples.values())
    return {
        "one_ms": statistics.median(one),
        "several_ms": statistics.median(several),
        "ratio": statistics.median(one) / statistics.median(several),
        "ratio_of_fastest_tenths": one[len(one) // 10] / several[len(several) // 10],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=4.0, help="time per operator")
    parser.add_argument("--threads", type=int, default=2, help="how many are compared with one")
    parser.add_argument("--only", nargs="+", default=[""], help="operators whose names begin so")
    options = parser.parse_args()
    if options.threads < 2:
        parser.error(f"--threads must be 2 or more (got {options.threads}): one thread is compared with several")
    environment = announce()
    print(f"\n{'':28}{'1 thread':>12}{f'{options.threads} threads':>12}{'medians':>10}{'fastest tenths':>16}")
    rows = []
    for name, call in make_calls().items():
        if name.startswith(tuple(options.only)):
            row = time_call(call, options.threads, options.seconds)
            print(
                f"{name:28}{row['one_ms']:9.2f} ms{row['several_ms']:9.2f} ms{row['ratio']:8.2f} x"
                f"{row['ratio_of_fastest_tenths']:14.2f} x",
                flush=True,
            )
            rows.append({"operator": name, "threads": options.threads, **row})
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
