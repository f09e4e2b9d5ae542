"""Times LocalStructureLoss as a training loop calls it, beside the plain form with a row per edge.

    python benchmarks/distill/local_structure_loss.py [--json FILE] [--seconds S]

A step is the loss and its gradient for the student, one thread, the median over interleaved runs. "teacher kept" is
what a Distiller does while the graph stays the same: similarities in the teacher were computed once. Memory is the peak
of a step above what the inputs take, measured in a process of its own.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import scatter, softmax

from graphkit.distill import LocalStructureLoss, local_structure_divergence

sys.path.append(str(Path(__file__).parents[1] / "ops"))

SIZES = [  # nodes, edges, width of the student, width of the teacher
    (3_000, 60_000, 272, 1024),
    (3_000, 60_000, 1024, 1024),
]


def per_edge_rows(student: Tensor, teacher: Tensor, edge_index: Tensor) -> Tensor:
    """The E x D form, sparing: index_select, and no tensor twice."""
    row, col = edge_index

    def structure(z: Tensor) -> Tensor:
        gap = z.index_select(0, row).sub_(z.index_select(0, col))
        return softmax(torch.exp((gap**2).sum(dim=1) * -0.5), col, num_nodes=z.size(0))

    with torch.no_grad():
        t = structure(teacher)
    s = structure(student)
    return scatter(s * (s.log() - t.log()), col, dim=0, dim_size=student.size(0), reduce="sum").mean()


def make_forms(teacher: Tensor, edge_index: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Returns the forms that are compared, each a function of the student's features."""
    nodes = teacher.size(0)
    loss = LocalStructureLoss()
    kept = loss.teacher_summary(teacher, EdgeIndex(edge_index, sparse_size=(nodes, nodes), sort_order="col"))
    return {
        "a row per edge": lambda s: per_edge_rows(s, teacher, edge_index),
        "local_structure_divergence": lambda s: local_structure_divergence(s, teacher, edge_index),
        "LocalStructureLoss": lambda s: loss(s, teacher, edge_index),
        "LocalStructureLoss, teacher kept": lambda s: loss.compare(s, kept),
    }


def run(seconds: float) -> list[dict[str, object]]:
    """Measures everything and prints it. Memory first: forking is safe while there is one thread."""
    from measuring import peak_memory_mb

    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for nodes, edges, ds, dt in SIZES:
        generator = torch.Generator().manual_seed(0)
        student, teacher = (torch.randn(nodes, d, generator=generator) / d**0.5 for d in (ds, dt))
        edge_index = torch.randint(nodes, (2, edges), generator=generator)
        edge_index = edge_index[:, edge_index[1].argsort(stable=True)].contiguous()
        student.requires_grad_()
        forms = make_forms(teacher, edge_index)
        memory = {name: peak_memory_mb(lambda f=form, s=student: f(s).backward()) for name, form in forms.items()}
        times: dict[str, list[float]] = {name: [] for name in forms}
        stop, rounds = time.perf_counter() + seconds, 0
        while rounds < 6 or time.perf_counter() < stop:
            for name, form in forms.items():
                begin = time.perf_counter()
                torch.autograd.grad(form(student), student)
                if rounds > 0:  # the first round warms up
                    times[name].append(1e3 * (time.perf_counter() - begin))
            rounds += 1
        print(f"\nN={nodes} E={edges} Ds={ds} Dt={dt}, forward and backward")
        first = next(iter(forms))
        base, peak = statistics.median(times[first]), memory[first]
        for name, sample in times.items():
            median, peak_mb = statistics.median(sample), memory[name]
            share = "" if peak_mb is None or not peak else f"{peak_mb:8.1f} MB  1/{peak / max(peak_mb, 0.1):.1f}"
            print(f"{name:34}{median:8.1f} ms{base / median:7.1f} x{share}")
            shape = {"nodes": nodes, "edges": edges, "student_width": ds, "teacher_width": dt}
            rows.append({"form": name, **shape, "ms": median, "peak_memory_mb": peak_mb})
    return rows


def main() -> None:
    from measuring import announce, write

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=4.0, help="time per size")
    options = parser.parse_args()
    environment = announce()
    write(options.json, environment, rows=run(options.seconds))


if __name__ == "__main__":
    main()
