"""Times models of PyG and their accelerated copies: a forward and a backward pass.

    python benchmarks/models/pyg.py [--json FILE] [--rounds R] [--models GCN SAGE ...]

Forms: PyG with a plain `edge_index`, an `EdgeIndex` sorted by target, and a torch.sparse CSR adjacency where the layers
take one; the accelerated model with the first two. They run in turn on one thread, and the median counts. Times are CPU
seconds of the process, so that other processes do not count. Memory is the peak of a pass above what the inputs take,
in a process of its own.

The least that must move, per layer and pass, with N nodes, E edges and C columns of 4 bytes: E C numbers are read from
the cache, 2 N C from and to memory, and 12 E bytes of edges; one multiplication and addition for each of the E C
numbers. Grouping plain edges reads 32 E bytes and writes 4 E, in random order. A layer of PyG writes and reads E C
numbers at least three times instead: as gathered, as weighted, and in the backward pass.
"""

import argparse
import ctypes
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.models import GAT, GCN, GIN, GraphSAGE
from torch_geometric.utils import to_torch_csr_tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))
from measuring import announce, peak_memory_mb, write  # noqa: E402

from graphkit.nn import accelerate  # noqa: E402

SIZES = {"20,000 nodes": (20_000, 400_000, 64), "Cora": (2_708, 10_556, 64)}
MODELS: dict[str, Callable[[int], torch.nn.Module]] = {
    "GCN": lambda width: GCN(width, width, 2, width),
    "SAGE": lambda width: GraphSAGE(width, width, 2, width),
    "SAGE, max": lambda width: GraphSAGE(width, width, 2, width, aggr="max"),
    "GIN": lambda width: GIN(width, width, 2, width),
    "GAT": lambda width: GAT(width, width, 2, heads=8),
    "GAT, 1 head": lambda width: GAT(width, width, 2),
    "GATv2": lambda width: GAT(width, width, 2, heads=8, v2=True),
}


def edges_of(nodes: int, edges: int, sparse: bool) -> dict[str, Tensor]:
    """Returns the same edges in all forms."""
    plain = torch.randint(nodes, (2, edges), generator=torch.Generator().manual_seed(0))
    by_target = plain[:, torch.sort(plain[1], stable=True).indices]
    forms = {"edge_index": plain, "EdgeIndex": EdgeIndex(by_target, sparse_size=(nodes, nodes), sort_order="col")}
    if sparse:
        forms["CSR"] = to_torch_csr_tensor(plain.flip(0), size=(nodes, nodes))
    return forms


def passes(model: torch.nn.Module, x: Tensor, edges: Tensor, grad: Tensor) -> Callable[[], None]:
    """Returns a forward and backward pass."""

    def call() -> None:
        model.zero_grad()
        model(x, edges).backward(grad)

    return call


def run(name: str, size: str, rounds: int) -> dict[str, dict[str, float | None]]:
    """Returns milliseconds and megabytes of every form."""
    nodes, edges, width = SIZES[size]
    torch.manual_seed(0)
    model = MODELS[name](width)
    x, grad = torch.randn(nodes, width), torch.randn(nodes, width)
    forms = {}
    for kind, given in edges_of(nodes, edges, sparse=not name.startswith("GAT")).items():
        forms[f"PyG, {kind}"] = passes(model, x, given, grad)
        if kind != "CSR":
            forms[f"accelerated, {kind}"] = passes(accelerate(model), x, given, grad)
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # or what earlier models left free would serve this one
    memory = {form: peak_memory_mb(call) for form, call in forms.items()}
    samples: dict[str, list[float]] = {form: [] for form in forms}
    for turn in range(rounds + 1):
        for form, call in forms.items():
            start = time.process_time()
            call()
            if turn:  # the first round warms up
                samples[form].append(1e3 * (time.process_time() - start))
    return {form: {"ms": statistics.median(ms), "peak_memory_mb": memory[form]} for form, ms in samples.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Sparse", UserWarning)
    torch.set_num_threads(1)
    environment = announce()
    rows = []
    for size in options.sizes:
        print(
            f"\n{size}, {SIZES[size][1]:,} edges, width {SIZES[size][2]}, two layers, forward and backward, one thread"
        )
        for name in options.models:
            figures = run(name, size, options.rounds * (1 if size != "Cora" else 10))
            for form, figure in figures.items():
                kind = form.partition(", ")[2]
                ratio = figures[f"PyG, {kind}"]["ms"] / figure["ms"]
                peak = figure["peak_memory_mb"]
                print(
                    f"{name:12}{form:24}{figure['ms']:9.2f} ms"
                    + ("" if form.startswith("PyG") else f"{ratio:7.1f} x")
                    + ("" if peak is None else f"{peak:9.1f} MB".rjust(13 if ratio != 1 else 22))
                )
                rows.append({"size": size, "model": name, "form": form, **figure})
    write(options.json, environment, rows=json.loads(json.dumps(rows)))


if __name__ == "__main__":
    main()
