"""Times models of PyG and their accelerated copies: a forward and a backward pass.

    python benchmarks/models/pyg.py [--json FILE] [--rounds R] [--models GCN SAGE ...] [--sizes Cora ...] [--compile]
    python benchmarks/models/pyg.py --million [--limit-gb 16]

Forms: PyG with a plain `edge_index`, an `EdgeIndex` sorted by target, and a torch.sparse CSR adjacency (and a
`SparseTensor` if torch-sparse is installed) where the layers take one; the accelerated model with the first two; and
the model of PyG under `torch.compile`. They run in turn, and the median counts. Times are CPU seconds of the process:
other processes count less then, but what they take of the caches does. Memory is the peak of a pass above what the
inputs take, in a process of its own, on one thread. There, freed tensors go back to the system at once; by default, the
C library keeps some of them, which adds about a half to the small figures.

With `--million`, each form runs one step of GCN with 1,000,000 nodes and 10,000,000 edges in a process with limited
memory.

The least that must move, per layer and pass, with N nodes, E edges and C columns of 4 bytes: E C numbers are read from
the cache, 2 N C from and to memory, and 12 E bytes of edges; one multiplication and addition for each of the E C
numbers. Grouping plain edges reads 32 E bytes and writes 4 E, in random order. A layer of PyG writes and reads E C
numbers at least three times instead: as gathered, as weighted, and in the backward pass.
"""

import argparse
import ctypes
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import (
    APPNP,
    MLP,
    ChebConv,
    GATConv,
    GCNConv,
    GINEConv,
    GraphConv,
    LGConv,
    SGConv,
    TAGConv,
    TransformerConv,
)
from torch_geometric.nn.models import GAT, GCN, GIN, PNA, EdgeCNN, GraphSAGE
from torch_geometric.typing import SparseTensor
from torch_geometric.utils import to_torch_csr_tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))
from measuring import announce, peak_memory_mb, write  # noqa: E402

from graphkit.nn import accelerate  # noqa: E402

SIZES = {
    "Cora": (2_708, 10_556, 64),
    "20,000 nodes": (20_000, 400_000, 64),
    "100,000 nodes": (100_000, 1_000_000, 64),
    "1,000,000 nodes": (1_000_000, 10_000_000, 64),
    "small": (100, 500, 64),
}
TABLE = ("Cora", "20,000 nodes", "100,000 nodes")
PNA_OPTIONS = {"aggregators": ["mean", "min", "max", "std"], "scalers": ["identity", "amplification", "attenuation"]}


class Two(nn.Module):
    """Two layers with a ReLU in between."""

    def __init__(self, layer: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer(), layer()])

    def forward(self, x: Tensor, edge_index: Tensor, *edge: Tensor) -> Tensor:
        """Returns the output of the second layer."""
        first, second = self.layers
        return second(first(x, edge_index, *edge).relu(), edge_index, *edge)


#: Models by name: a function of the width, and what the model takes per edge.
MODELS: dict[str, tuple[Callable[[int], nn.Module], str]] = {
    "GCN": (lambda width: GCN(width, width, 2, width), ""),
    "GCN, weights": (lambda width: Two(lambda: GCNConv(width, width)), "weight"),
    "SAGE": (lambda width: GraphSAGE(width, width, 2, width), ""),
    "SAGE, max": (lambda width: GraphSAGE(width, width, 2, width, aggr="max"), ""),
    "GIN": (lambda width: GIN(width, width, 2, width), ""),
    "GraphConv, weights": (lambda width: Two(lambda: GraphConv(width, width)), "weight"),
    "GAT": (lambda width: GAT(width, width, 2, heads=8), ""),
    "GAT, 1 head": (lambda width: GAT(width, width, 2), ""),
    "GAT, features": (lambda width: Two(lambda: GATConv(width, width // 8, 8, edge_dim=8)), "features"),
    "GATv2": (lambda width: GAT(width, width, 2, heads=8, v2=True), ""),
    "Transformer": (lambda width: Two(lambda: TransformerConv(width, width // 8, 8)), ""),
    "TAG": (lambda width: Two(lambda: TAGConv(width, width)), ""),
    "SG": (lambda width: Two(lambda: SGConv(width, width, K=2)), ""),
    "Cheb": (lambda width: Two(lambda: ChebConv(width, width, K=3)), ""),
    "LG": (lambda width: Two(LGConv), ""),
    "APPNP": (lambda width: Two(lambda: APPNP(K=5, alpha=0.1)), ""),
    "PNA": (lambda width: PNA(width, width, 2, width, deg=torch.tensor([0, 1, 9, 9, 1]), **PNA_OPTIONS), ""),
    "EdgeCNN": (lambda width: EdgeCNN(width, width, 2, width), ""),
    "GINE": (lambda width: Two(lambda: GINEConv(MLP([width, width, width], norm=None), edge_dim=8)), "features"),
}
NO_MATRIX = ("GAT", "Transformer", "Cheb", "PNA", "EdgeCNN", "GINE")  # layers that take no adjacency matrix
EDGE_INPUTS: dict[str, Callable[[int], list[Tensor]]] = {
    "": lambda edges: [],
    "weight": lambda edges: [torch.rand(edges) + 0.1],
    "features": lambda edges: [torch.randn(edges, 8)],
}


def edges_of(nodes: int, edges: int, sparse: bool) -> dict[str, Any]:
    """Returns the same edges in all forms."""
    plain = torch.randint(nodes, (2, edges), generator=torch.Generator().manual_seed(0))
    by_target = plain[:, torch.sort(plain[1], stable=True).indices]
    forms = {"edge_index": plain, "EdgeIndex": EdgeIndex(by_target, sparse_size=(nodes, nodes), sort_order="col")}
    if sparse:
        forms["CSR"] = to_torch_csr_tensor(plain.flip(0), size=(nodes, nodes))
        if find_spec("torch_sparse") is not None:
            forms["SparseTensor"] = SparseTensor.from_edge_index(plain.flip(0), sparse_sizes=(nodes, nodes))
    return forms


def passes(model: nn.Module, x: Tensor, edges: Any, grad: Tensor, *inputs: Tensor) -> Callable[[], None]:
    """Returns a forward and backward pass."""

    def call() -> None:
        model.zero_grad()
        model(x, edges, *inputs).backward(grad)

    return call


def forms_of(name: str, size: str, compiles: bool) -> dict[str, Callable[[], None]]:
    """Returns the passes of all forms of a model."""
    nodes, edges, width = SIZES[size]
    torch.manual_seed(0)
    make, takes = MODELS[name]
    model, inputs = make(width), EDGE_INPUTS[takes](edges)
    x, grad = torch.randn(nodes, width), torch.randn(nodes, width)
    x.requires_grad_(not list(model.parameters()))
    forms = {}
    for kind, given in edges_of(nodes, edges, sparse=not takes and not name.startswith(NO_MATRIX)).items():
        forms[f"PyG, {kind}"] = passes(model, x, given, grad, *inputs)
        if kind in ("edge_index", "EdgeIndex"):
            forms[f"accelerated, {kind}"] = passes(accelerate(model), x, given, grad, *inputs)
        if kind == "edge_index" and compiles:
            forms["PyG, compiled"] = passes(torch.compile(model), x, given, grad, *inputs)
    return forms


def warm(name: str, form: str) -> None:
    """Runs a small pass, and has freed tensors returned to the system from then on."""
    forms_of(name, "small", False)[form]()
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(-3, 2**20)  # M_MMAP_THRESHOLD, which otherwise grows


def run(name: str, size: str, rounds: int, threads: int, compiles: bool) -> dict[str, dict[str, float | None]]:
    """Returns milliseconds and megabytes of every form."""
    forms = forms_of(name, size, compiles)
    torch.ones(512, 512) @ torch.ones(512, 512)  # the buffers of the library are not a form's
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # or what earlier models left free would serve this one
    measured = {form for form in forms if form != "PyG, compiled" and threads == 1}
    memory = {
        form: peak_memory_mb(call, lambda form=form: warm(name, form)) if form in measured else None
        for form, call in forms.items()
    }
    samples: dict[str, list[float]] = {form: [] for form in forms}
    for turn in range(rounds + 1):
        for form, call in list(forms.items()):
            start = time.process_time()
            try:
                call()
            except Exception as error:  # of the compiler, or a form that PyG does not support
                print(f"{name}: {form} fails: {str(error).strip().splitlines()[0][:90]}")
                del forms[form], samples[form]
                continue
            if turn:  # the first round warms up
                samples[form].append(1e3 * (time.process_time() - start))
    return {form: {"ms": statistics.median(ms), "peak_memory_mb": memory[form]} for form, ms in samples.items()}


def million(form: str) -> None:
    """Runs a step of GCN with a million nodes, and prints its seconds and megabytes."""
    call = forms_of("GCN", "1,000,000 nodes", False)[form]
    start = time.process_time()
    peak = peak_memory_mb(call, lambda: warm("GCN", form))
    seconds = time.process_time() - start + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    print(f"{form:26}{seconds:8.1f} s" + ("" if peak is None else f"{peak:10.0f} MB above the inputs"))


def limited(form: str, gigabytes: float) -> None:
    """Runs :func:`million` in a process with limited memory."""
    size = int(gigabytes * 2**30)
    command = [sys.executable, __file__, "--million", "--form", form]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    lines = (result.stdout if result.returncode == 0 else result.stderr).strip().splitlines()
    print(lines[-1] if result.returncode == 0 else f"{form:26} fails: {lines[-1] if lines else result.returncode}")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=TABLE)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--compile", action="store_true", help="also torch.compile, which takes minutes")
    parser.add_argument("--million", action="store_true", help="one step with 1,000,000 nodes instead")
    parser.add_argument("--limit-gb", type=float, default=16.0, help="address space of each form of --million")
    parser.add_argument("--form", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Sparse", UserWarning)
    torch.set_num_threads(1)
    if options.million:
        if options.form:
            return million(options.form)
        for form in ("accelerated, edge_index", "accelerated, EdgeIndex", "PyG, edge_index", "PyG, CSR"):
            limited(form, options.limit_gb)
        return None
    environment = announce()
    for package in ("torch_scatter", "torch_sparse"):
        print(f"{package}: {'used by PyG' if find_spec(package) else 'not installed'}")
    rows = []
    for threads in sorted(options.threads):
        torch.set_num_threads(threads)
        for size in options.sizes:
            print(f"\n{size}, {SIZES[size][1]:,} edges, width {SIZES[size][2]}, two layers, both passes, {threads=}")
            for name in options.models:
                rounds = options.rounds * (10 if size == "Cora" else 1)
                figures = run(name, size, rounds, threads, options.compile)
                theirs = figures["PyG, edge_index"]
                for form, figure in figures.items():
                    same = figures[f"PyG, {form.partition(', ')[2]}"]  # with the same edges
                    bases = () if form.startswith("PyG") else (same,) if same is theirs else (same, theirs)
                    ratios = "".join(f"{base['ms'] / figure['ms']:7.1f} x" for base in bases)
                    peak = figure["peak_memory_mb"]
                    memory = "" if peak is None else f"{peak:9.1f} MB"
                    print(f"{name:20}{form:24}{figure['ms']:9.2f} ms{memory:12}{ratios}", flush=True)
                    rows.append({"size": size, "threads": threads, "model": name, "form": form, **figure})
    write(options.json, environment, rows=json.loads(json.dumps(rows)))
    return None


if __name__ == "__main__":
    main()
