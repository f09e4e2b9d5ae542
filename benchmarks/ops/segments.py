"""Times segment_sum, segment_max and segment_softmax against what PyTorch, PyG and torch_scatter offer.

    python benchmarks/ops/segments.py [--json FILE] [--seconds S] [--threads 1 2] [--only sum max softmax] [--clock cpu]

Every form allocates its result, as it does for a user. Each cell is the median over interleaved runs (one of each
form in turn), so that a busy machine slows all alike. `bytes/s` is the least that must be moved, one reading of the
input and one writing of the result, over the time of the forward pass, next to that of a copy into memory that is
already there and of a clone, which takes fresh memory. Memory is the peak of a forward and backward pass above what the
inputs take, measured in a process of its own.

More threads than idle cores make the figures worthless (a ratio then says who waited longest): the load is printed.
`--clock cpu` counts the time on the processor, with that of the system, and leaves out the waiting: for one thread.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch_geometric.utils import softmax

from graphkit.ops import backend, segment_max, segment_softmax, segment_sum
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference

SIZES = [  # name, rows, width, segments
    ("large graph, wide", 1_000_000, 64, 100_000),
    ("large graph, 8 heads", 1_000_000, 8, 100_000),
    ("large graph, 1 head", 1_000_000, 1, 100_000),
    ("medium graph, wide", 100_000, 64, 10_000),
    ("one segment", 1_000_000, 16, 1),
    ("Cora, 8 heads", 13_264, 8, 2_708),
]
OPERATORS = ("sum", "max", "softmax")
COPIES = ("copy", "clone")
Form = Callable[[Tensor], Tensor]


def make_inputs(rows: int, width: int, segments: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns random rows, their segments in order, and where each starts."""
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(segments, (rows,), generator=generator).sort().values
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(index, minlength=segments).cumsum(0)])
    return torch.randn(rows, width, generator=generator).requires_grad_(), index, ptr


def make_forms(operator: str, x: Tensor, index: Tensor, ptr: Tensor) -> dict[str, Form]:
    """Returns what is compared for one operator."""
    shape = (ptr.numel() - 1, x.size(1))
    columns = index[:, None].expand_as(x)
    buffer = torch.empty_like(x)
    zeros = torch.zeros(shape)
    forms: dict[str, Form] = {}

    def native(name: str, form: Form) -> None:
        if backend() == "native":
            forms[name] = form

    if operator == "sum":
        native("native", lambda x: segment_sum(x, ptr))
        forms["torch"] = lambda x: segment_sum_reference(x, ptr)
        forms["index_add_"] = lambda x: x.new_zeros(shape).index_add_(0, index, x)
        forms["scatter_reduce"] = lambda x: x.new_zeros(shape).scatter_reduce(0, columns, x, "sum")
        forms["segment_reduce"] = lambda x: torch.segment_reduce(x, "sum", offsets=ptr, axis=0)
    elif operator == "max":
        native("native", lambda x: segment_max(x, ptr)[0])
        forms["torch: amax, then rows"] = lambda x: segment_max_reference(x, ptr)[0]
        forms["scatter_reduce, no rows"] = lambda x: zeros.scatter_reduce(0, columns, x, "amax", include_self=False)
    else:
        native("native", lambda x: segment_softmax(x, ptr))
        forms["torch"] = lambda x: segment_softmax_reference(x, ptr)
        forms["PyG softmax(index)"] = lambda x: softmax(x, index, num_nodes=shape[0])
        forms["PyG softmax(ptr)"] = lambda x: softmax(x, ptr=ptr)
    if importlib.util.find_spec("torch_scatter") is not None:
        import torch_scatter

        if operator == "sum":
            forms["torch_scatter.segment_csr"] = lambda x: torch_scatter.segment_csr(x, ptr)
        elif operator == "max":
            forms["torch_scatter.scatter_max"] = lambda x: torch_scatter.scatter_max(x, index, 0, dim_size=shape[0])[0]
        else:
            forms["torch_scatter.softmax"] = lambda x: torch_scatter.composite.scatter_softmax(x, index, 0)
    forms["copy"] = lambda x: buffer.copy_(x)
    forms["clone"] = lambda x: x.clone()
    return forms


def least_bytes(name: str, operator: str, rows: int, width: int, segments: int) -> int:
    if name in COPIES or operator == "softmax":
        return 8 * rows * width
    return 4 * rows * width + (4 if operator == "sum" else 12) * segments * width


def time_forms(
    forms: dict[str, Form], x: Tensor, seconds: float, clock: Callable[[], float]
) -> dict[str, dict[str, float | None]]:
    """Returns median milliseconds of the forward pass alone and of both passes."""
    with torch.no_grad():
        grad = torch.randn_like(next(iter(forms.values()))(x))
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in forms}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 4 or time.perf_counter() < stop:
        for name, form in forms.items():
            with torch.no_grad():
                start = clock()
                form(x)
                forward = clock() - start
            both = None
            if name not in COPIES:
                start = clock()
                torch.autograd.grad(form(x), x, grad)
                both = clock() - start
            if rounds > 0:  # the first round warms up
                samples[name][0].append(1e3 * forward)
                if both is not None:
                    samples[name][1].append(1e3 * both)
        rounds += 1
    return {
        name: {"forward_ms": statistics.median(forward), "both_ms": statistics.median(both) if both else None}
        for name, (forward, both) in samples.items()
    }


def run(
    operators: list[str], seconds: float, threads: list[int], clock: Callable[[], float]
) -> list[dict[str, object]]:
    """Measures everything and prints it as it comes. Memory first: forking is safe while there is one thread."""
    rows: list[dict[str, object]] = []
    torch.set_num_threads(1)
    memory = {}
    for _, *size in SIZES:
        x, index, ptr = make_inputs(*size)
        for operator in operators:
            for name, form in make_forms(operator, x, index, ptr).items():
                memory[operator, name, tuple(size)] = (
                    None if name in COPIES else peak_memory_mb(lambda f=form, i=x: f(i).sum().backward())
                )
    for count in threads:
        torch.set_num_threads(count)
        for title, *size in SIZES:
            x, index, ptr = make_inputs(*size)
            shape = dict(zip(("rows", "width", "segments"), size, strict=True))
            print(f"\n{title}: E={size[0]} D={size[1]} S={size[2]}, {count} thread(s)")
            for operator in operators:
                print(f"{'segment_' + operator:26}{'forward':>11}{'bytes/s':>12}{'+ backward':>17}{'memory':>12}")
                timed = time_forms(make_forms(operator, x, index, ptr), x, seconds, clock)
                for name, ms in timed.items():
                    gigabytes = least_bytes(name, operator, *size) / ms["forward_ms"] / 1e6
                    peak = memory[operator, name, tuple(size)]
                    line = f"{name:26}{ms['forward_ms']:8.2f} ms{gigabytes:7.1f} GB/s"
                    line += "" if ms["both_ms"] is None else f"{ms['both_ms']:14.2f} ms"
                    print(line + ("" if peak is None else f"{peak:9.1f} MB"), flush=True)
                    row = {"operator": f"segment_{operator}", "form": name, "threads": count, **shape, **ms}
                    rows.append({**row, "gigabytes_per_second": gigabytes, "peak_memory_mb": peak})
    return rows


def main() -> None:
    parser = options_of(__doc__, seconds=2.0)
    parser.add_argument("--only", nargs="+", choices=OPERATORS, default=list(OPERATORS), help="operators to measure")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    environment = announce() | {"clock": options.clock}
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    rows = run(options.only, options.seconds, options.threads, clock)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
