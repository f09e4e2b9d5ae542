"""Times local_structure_divergence: native code, the plain PyTorch reference, and the form with a row per edge.

    python benchmarks/ops/local_structure_divergence.py [--json FILE] [--seconds S] [--threads 1 2] [--kernel rbf]

Each cell is the median over interleaved runs (one of each form in turn), so that a busy machine slows all alike. The
gradient is that of the student; the teacher has none. Memory is the peak of a forward and backward pass above what the
inputs take, measured in a process of its own.

What the work amounts to, with features of 4 bytes, N nodes, E edges, and Ds and Dt columns of student and teacher:

* both passes must read both networks' features once and write a gradient: 4 N (2 Ds + Dt) bytes, and 16 E of edges;
  "least bytes" is a copy of as many (half of them read, half written);
* an edge needs E (Ds + Dt) differences and as many products forward, and backward, at both of its ends, 2 E Ds of each;
  where the graph has no order to use, each of these is a number read from a cache: 4 E (3 Ds + Dt) bytes, and
  "GB/s" says how many of them a second. "rows, in order" reads as many, but one after another, in passes over the
  features: what the caches could deliver at best.

More threads than idle cores make the figures worthless (a ratio then says who waited longest): the load is printed.
"""

import statistics
import time
from collections.abc import Callable

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import scatter, softmax

from graphkit.ops import backend, local_structure_divergence
from graphkit.ops._edge_measure import ABSOLUTE, SQUARE, edge_measure_reference
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference

SIZES = [  # name, nodes, edges, width of the student, width of the teacher
    ("the marked size", 3_000, 60_000, 272, 1024),
    ("a student as wide", 3_000, 60_000, 1024, 1024),
    ("two protein graphs", 4_744, 136_000, 136, 1024),
    ("Cora", 2_708, 10_556, 32, 64),
    ("32 point clouds, k = 20", 32_768, 655_360, 32, 64),
]
Form = Callable[[Tensor, Tensor], Tensor]


def score(measure: Tensor, kernel: str) -> Tensor:
    return torch.exp(measure * (-0.5 if kernel == "rbf" else -0.01))


def per_edge_rows(student: Tensor, teacher: Tensor, row: Tensor, col: Tensor, kernel: str) -> Tensor:
    """As sparingly as it can be: index_select, since the backward of z[row] is slower, and no tensor twice."""

    def structure(z: Tensor) -> Tensor:
        gap = z.index_select(0, row).sub_(z.index_select(0, col))
        size = (gap**2).sum(dim=1) if kernel == "rbf" else gap.abs().sum(dim=1)
        return softmax(score(size, kernel), col, num_nodes=z.size(0))

    with torch.no_grad():
        t = structure(teacher)
    s = structure(student)
    return scatter(s * (s.log() - t.log()), col, dim=0, dim_size=student.size(0), reduce="sum").mean()


def reference(student: Tensor, teacher: Tensor, row: Tensor, col: Tensor, kernel: str) -> Tensor:
    measure = SQUARE if kernel == "rbf" else ABSOLUTE
    p, q = (score(edge_measure_reference(z, row, col, measure), kernel) for z in (student, teacher))
    return local_structure_divergence_reference(p, q, col, student.size(0)).mean()


def make_inputs(nodes: int, edges: int, ds: int, dt: int) -> tuple[Tensor, Tensor, Tensor, EdgeIndex]:
    """Returns features of both networks, the edges as a plain tensor in random order, and the same edges sorted."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(nodes, d, generator=generator) / d**0.5 for d in (ds, dt))
    plain = torch.randint(nodes, (2, edges), generator=generator)
    sorted_edges = plain[:, torch.sort(plain[1], stable=True).indices].contiguous()
    edge_index = EdgeIndex(sorted_edges, sparse_size=(nodes, nodes), sort_order="col")
    return student.requires_grad_(), teacher, plain, edge_index


def make_forms(plain: Tensor, edge_index: EdgeIndex, kernel: str) -> dict[str, Form]:
    """Returns what is compared. The plain PyTorch forms get sorted edges too, which they like better than random."""
    row, col = edge_index.as_tensor()
    forms: dict[str, Form] = {}
    if backend() == "native":
        forms["native"] = lambda s, t: local_structure_divergence(s, t, edge_index, kernel)
        forms["native, unsorted edges"] = lambda s, t: local_structure_divergence(s, t, plain, kernel)
    forms["torch"] = lambda s, t: reference(s, t, row, col, kernel)
    forms["a row per edge"] = lambda s, t: per_edge_rows(s, t, row, col, kernel)
    return forms


def make_limits(student: Tensor, teacher: Tensor, edges: int) -> dict[str, tuple[Callable[[], object], ...]]:
    """Returns the least that each pass has to do, forward and both."""
    ns, nt = student.numel(), teacher.numel()
    buffer = torch.ones(2, (2 * ns + nt + 4 * edges) // 2 + 1)
    forward = (ns + nt + 4 * edges) // 2
    repeats = edges / max(1, student.size(0))

    def read(z: Tensor, times: float) -> None:
        """Adds up all numbers so many times; a product with itself is what PyTorch reads fastest with."""
        flat = z.detach().flatten()
        for _ in range(int(times)):
            torch.dot(flat, flat)
        prefix = flat[: int(times % 1 * flat.numel())]
        torch.dot(prefix, prefix)

    return {
        "least bytes": (
            lambda: buffer[0, :forward].copy_(buffer[1, :forward]),
            lambda: buffer[0].copy_(buffer[1]),
        ),
        "rows, in order": (
            lambda: (read(student, repeats), read(teacher, repeats)),
            lambda: (read(student, 3 * repeats), read(teacher, repeats)),
        ),
    }


def time_forms(
    forms: dict[str, Form], student: Tensor, teacher: Tensor, edges: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Returns median milliseconds of the forward pass alone and of both passes."""

    def forward(form: Form) -> None:
        with torch.no_grad():
            form(student, teacher)

    def both(form: Form) -> None:
        torch.autograd.grad(form(student, teacher), student)

    calls: dict[str, tuple[Callable[[], object], ...]] = {
        name: (lambda f=form: forward(f), lambda f=form: both(f)) for name, form in forms.items()
    }
    calls.update(make_limits(student, teacher, edges))
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in calls}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 6 or time.perf_counter() < stop:
        for name, pair in calls.items():
            for call, sample in zip(pair, samples[name], strict=True):
                start = time.perf_counter()
                call()
                if rounds > 0:  # the first round warms up
                    sample.append(1e3 * (time.perf_counter() - start))
        rounds += 1
    return {
        name: {"forward_ms": statistics.median(pair[0]), "both_ms": statistics.median(pair[1])}
        for name, pair in samples.items()
    }


def run(seconds: float, threads: list[int], kernel: str) -> list[dict[str, object]]:
    """Measures everything and prints it as it comes. Memory first: forking is safe while there is one thread."""
    rows: list[dict[str, object]] = []
    torch.set_num_threads(1)
    memory = {}
    for size in SIZES:
        student, teacher, plain, edge_index = make_inputs(*size[1:])
        for name, form in make_forms(plain, edge_index, kernel).items():
            memory[size[1:], name] = peak_memory_mb(lambda f=form, s=student, t=teacher: f(s, t).backward())
    for count in threads:
        torch.set_num_threads(count)
        for title, *size in SIZES:
            nodes, edges, ds, dt = size
            student, teacher, plain, edge_index = make_inputs(nodes, edges, ds, dt)
            print(f"\n{title}: N={nodes} E={edges} Ds={ds} Dt={dt}, {kernel}, {count} thread(s)")
            print(f"{'':24}{'forward':>11}{'':10}{'+ backward':>13}{'':10}{'memory':>10}{'rows read':>14}")
            timed = time_forms(make_forms(plain, edge_index, kernel), student, teacher, edges, seconds)
            base, base_peak = timed["a row per edge"], memory[tuple(size), "a row per edge"]
            for name, ms in timed.items():
                peak = memory.get((tuple(size), name))
                speed = 4e-6 * edges * (3 * ds + dt) / ms["both_ms"]
                print(
                    f"{name:24}{ms['forward_ms']:8.2f} ms{base['forward_ms'] / ms['forward_ms']:8.1f} x"
                    f"{ms['both_ms']:10.2f} ms{base['both_ms'] / ms['both_ms']:8.1f} x"
                    + (f"{'':10}" if peak is None else f"{peak:7.1f} MB")
                    + (f"{'':14}" if name == "least bytes" else f"{speed:9.1f} GB/s")
                )
                shape = dict(zip(("nodes", "edges", "student_width", "teacher_width"), size, strict=True))
                share = None if peak is None or not base_peak else peak / base_peak
                figures = {**ms, "peak_memory_mb": peak, "share_of_memory": share}
                rows.append({"form": name, "kernel": kernel, "threads": count, **shape, **figures})
    return rows


def main() -> None:
    parser = options_of(__doc__, seconds=2.0)
    parser.add_argument("--kernel", choices=["rbf", "l1exp"], default="rbf")
    options = parser.parse_args()
    environment = announce()
    rows = run(options.seconds, options.threads, options.kernel)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
