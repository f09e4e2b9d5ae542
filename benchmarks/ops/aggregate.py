"""Times aggregate against the least that must be read and written, torch's CSR product, and PyG's message passing.

    python benchmarks/ops/aggregate.py [--json FILE] [--seconds S] [--threads 1 2] [--only sum weight ...] [--clock cpu]

A graph of N nodes and E edges with C features: the forward pass must read at least `E (4 C + 4) + 8 N` bytes, the
row and the number of the source of each edge and where the edges of a node begin, and write `4 N C`; with weights also
`8 E` bytes, the weights and their places. `read and write` does only that, in a loop that is compiled by `cc -O3` as
the script starts: one word of each cache line of the rows, and a row of constants per node. The form is missing where
there is no compiler.

`native` has an EdgeIndex, whose groups are kept, `plain` a tensor, which is grouped in each call. `CSR product` has
torch's own gradient, `CSR and its transpose` that by a transpose made before; neither gives one to weights. Each cell
is the median over interleaved runs, so that a busy machine slows all alike. Memory is the peak of a forward and
backward pass above what the inputs take.
"""

import argparse
import ctypes
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import StdAggregation
from torch_geometric.utils import softmax

from graphkit.ops import aggregate

SIZES = [  # name, nodes, edges, width
    ("large graph", 100_000, 1_000_000, 64),
    ("medium graph", 20_000, 400_000, 64),
    ("Cora", 2_708, 10_556, 64),
]
REDUCTIONS = ("sum", "weight", "max", "softmax", "std", "half")
LOOP = """
#include <stdint.h>
uint64_t copy(const int64_t* ptr, const int32_t* from, const int32_t* place, const uint32_t* weight, const char* x,
              int64_t n, int64_t bytes, char* out) {
  uint64_t all = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t e = ptr[i]; e < ptr[i + 1]; ++e) {
      if (weight) all ^= weight[place[e]];
      for (int64_t k = 0; k < bytes; k += 64) all ^= *(const uint64_t*)(x + from[e] * bytes + k);
    }
    for (int64_t k = 0; k < bytes; k += 8) *(uint64_t*)(out + i * bytes + k) = i;
  }
  return all;
}
"""
Form = Callable[[Tensor], Tensor]


class CSRProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, matrix, transpose):
        ctx.transpose = transpose
        return matrix @ x

    @staticmethod
    def backward(ctx, grad):
        return ctx.transpose @ grad, None, None


def compile_loop() -> ctypes.CDLL | None:
    """Returns the loop, if there is a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp())
    (folder / "loop.c").write_text(LOOP)
    subprocess.run(
        [compiler, "-O3", "-shared", "-fPIC", "-o", str(folder / "loop.so"), str(folder / "loop.c")], check=True
    )
    loop = ctypes.CDLL(str(folder / "loop.so"))
    shutil.rmtree(folder)
    return loop


def make_forms(reduce: str, nodes: int, edges: int, width: int) -> tuple[dict[str, Form], Tensor]:
    """Returns what is compared, and the features."""
    generator = torch.Generator().manual_seed(0)
    plain = torch.randint(nodes, (2, edges), generator=generator)
    row, col = plain
    kept = EdgeIndex(plain.clone(), sparse_size=(nodes, nodes))
    weight = torch.rand(edges, generator=generator) if reduce in ("weight", "softmax") else None
    kind = reduce if reduce in ("max", "softmax", "std") else "sum"
    x = torch.randn(nodes, width, generator=generator).to(torch.bfloat16 if reduce == "half" else torch.float32)

    warnings.filterwarnings("ignore", "Sparse", UserWarning)
    ones = torch.ones(edges, dtype=x.dtype) if weight is None else weight
    shape = (nodes, nodes)
    matrix = torch.sparse_coo_tensor(torch.stack([col, row]), ones, shape).coalesce().to_sparse_csr()
    transpose = matrix.t().to_sparse_csr()

    forms: dict[str, Form] = {
        "native": lambda x: aggregate(x, kept, weight, kind),
        "plain": lambda x: aggregate(x, plain, weight, kind),
    }
    if reduce in ("sum", "weight"):
        forms["CSR product"] = lambda x: matrix @ x
        forms["CSR and its transpose"] = lambda x: CSRProduct.apply(x, matrix, transpose)
        forms["index_add_"] = lambda x: x.new_zeros(nodes, width).index_add_(
            0, col, x[row] if weight is None else x[row] * weight[:, None]
        )
    elif reduce == "half":
        forms["index_add_"] = lambda x: x.new_zeros(nodes, width).index_add_(0, col, x[row])
    elif reduce == "max":
        columns = col[:, None].expand(-1, width)
        forms["scatter_reduce"] = lambda x: x.new_zeros(nodes, width).scatter_reduce(
            0, columns, x[row], "amax", include_self=False
        )
    elif reduce == "softmax":
        forms["PyG softmax"] = lambda x: x.new_zeros(nodes, width).index_add_(
            0, col, x[row] * softmax(weight, col, num_nodes=nodes)[:, None]
        )
    else:
        std = StdAggregation()
        forms["PyG StdAggregation"] = lambda x: std(x[row], col, dim_size=nodes)
    loop = compile_loop()
    if loop is not None:
        order = col.argsort(stable=True)
        sources, places = row[order].int(), order.int()
        ptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(col, minlength=nodes).cumsum(0)])
        out = torch.empty_like(x)

        def copy(x: Tensor) -> Tensor:
            tensors = (ptr, sources, places, weight, x, out)
            *inputs, result = (ctypes.c_void_p(0 if t is None else t.data_ptr()) for t in tensors)
            loop.copy(*inputs, ctypes.c_int64(nodes), ctypes.c_int64(width * x.element_size()), result)
            return out

        forms["read and write"] = copy
    return forms, x.requires_grad_()


def time_forms(
    forms: dict[str, Form], x: Tensor, seconds: float, clock: Callable[[], float]
) -> dict[str, dict[str, float | None]]:
    """Returns median milliseconds of the forward pass and of both."""
    grad = torch.randn_like(x)
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in forms}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 4 or time.perf_counter() < stop:
        for name, form in forms.items():
            with torch.no_grad():
                start = clock()
                form(x)
                samples[name][0].append(1e3 * (clock() - start))
            if name != "read and write":
                start = clock()
                torch.autograd.grad(form(x), x, grad)
                samples[name][1].append(1e3 * (clock() - start))
        rounds += 1
    return {  # the first round warms up
        name: {
            "forward_ms": statistics.median(forward[1:]),
            "both_ms": statistics.median(both[1:]) if both else None,
        }
        for name, (forward, both) in samples.items()
    }


def main() -> None:
    parser: argparse.ArgumentParser = options_of(__doc__, seconds=3.0)
    parser.add_argument("--only", nargs="+", choices=REDUCTIONS, default=list(REDUCTIONS), help="reductions to measure")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    environment = announce() | {"clock": options.clock}
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    rows = []
    torch.set_num_threads(1)
    memory = {}  # first: forking is safe while there is one thread
    for _, *size in SIZES:
        for reduce in options.only:
            forms, x = make_forms(reduce, *size)
            for name, form in forms.items():
                if name != "read and write":
                    memory[reduce, name, tuple(size)] = peak_memory_mb(lambda f=form, x=x: f(x).sum().backward())
    for threads in options.threads:
        torch.set_num_threads(threads)
        for title, *size in SIZES:
            nodes, edges, width = size
            print(f"\n{title}: N={nodes} E={edges} C={width}, {threads} thread(s)")
            for reduce in options.only:
                print(f"{reduce:22}{'forward':>12}{'of the least':>14}{'+ backward':>14}{'memory':>12}")
                forms, x = make_forms(reduce, *size)
                timed = time_forms(forms, x, options.seconds, clock)
                least = timed.get("read and write", {}).get("forward_ms")
                for name, ms in timed.items():
                    line = f"{name:22}{ms['forward_ms']:9.2f} ms"
                    line += f"{ms['forward_ms'] / least:12.2f} x" if least else " " * 14
                    peak = memory.get((reduce, name, tuple(size)))
                    line += "" if ms["both_ms"] is None else f"{ms['both_ms']:11.2f} ms"
                    print(line + ("" if peak is None else f"{peak:9.1f} MB"), flush=True)
                    shape = {"nodes": nodes, "edges": edges, "width": width, "threads": threads}
                    rows.append({"reduce": reduce, "form": name, **shape, **ms, "peak_memory_mb": peak})
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
