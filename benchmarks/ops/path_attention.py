"""Times path_attention: native code, the plain PyTorch reference, and gather-softmax-scatter with PyG's `softmax`.

    python benchmarks/ops/path_attention.py [--json FILE] [--seconds S] [--threads 1 2]

Each cell is the median over interleaved runs (one of each form in turn), so that a busy machine slows all alike. Memory
is the peak of a forward and backward pass above what the inputs take, measured in a process of its own.

The row "copy" is a copy of the least bytes that must move: paths, features and terms once, the result once; with the
backward pass paths, features, result and its gradient again, and the gradients. What there is to do beside, with P
paths of L hops, H heads and D features: (L + 3) P H D operations forward and (2 L + 9) P H D backward; 4 L P H D bytes
(float32) gathered from the features forward, 4 (4 L - 1) P H D gathered and scattered backward, out of a cache that the
features of a small graph fit and those of a large one do not. At 10k nodes, 200k paths of 2 hops and 8 x 8 features
that is 102 MB forward and 358 MB backward, against 10 and 26 MB of a copy.

More threads than idle cores make the figures worthless (a ratio then says who waited longest): the load is printed.
"""

import statistics
import time
from collections.abc import Callable

import torch
from measuring import announce, options_of, peak_memory_mb, write
from torch import Tensor
from torch.nn import functional
from torch_geometric.utils import softmax

from graphkit.ops import backend, path_attention
from graphkit.ops.path_attention import path_attention_reference

SIZES = [  # name, nodes, paths, hops, heads, width
    ("one graph", 10_000, 200_000, 2, 8, 8),
    ("one graph, 3 hops", 10_000, 200_000, 3, 8, 8),
    ("one graph, wide", 10_000, 200_000, 2, 4, 32),
    ("one graph, one head", 10_000, 200_000, 2, 1, 8),
    ("Cora, 1 hop", 2_708, 13_264, 1, 8, 8),
    ("Cora, 2 hops", 2_708, 30_000, 2, 8, 8),
    ("Cora, last layer", 2_708, 13_264, 1, 1, 7),
]
Form = Callable[[Tensor, Tensor, Tensor], Tensor]


def gather(h: Tensor, att: Tensor, target: Tensor, path_index: Tensor) -> Tensor:
    """All paths at once; index_select, since the backward of h[row] is slower."""
    *before, target_ids = path_index
    phi = torch.stack([h.index_select(0, nodes) for nodes in before]).amax(0)
    score = functional.leaky_relu((phi * att).sum(-1) + target.index_select(0, target_ids), 0.2)
    alpha = softmax(score, target_ids, num_nodes=h.size(0))
    return torch.zeros_like(h).index_add_(0, target_ids, alpha.unsqueeze(-1) * phi)


def make_inputs(nodes: int, paths: int, hops: int, heads: int, width: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """Returns features, attention vectors and terms, the paths in random order, and the same paths sorted."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(nodes, heads, width), (heads, width), (nodes, heads)]
    tensors = [torch.randn(shape, generator=generator) for shape in shapes]
    plain = torch.randint(nodes, (hops + 1, paths), generator=generator)
    return tuple(t.requires_grad_() for t in tensors), plain, plain[:, torch.sort(plain[-1], stable=True).indices]


def make_forms(plain: Tensor, path_index: Tensor) -> dict[str, Form]:
    """Returns what is compared. The plain PyTorch forms get sorted paths too, which they like better than random."""
    forms: dict[str, Form] = {}
    if backend() == "native":
        forms["native"] = lambda *t: path_attention(t[0], path_index, *t[1:])
        forms["native, unsorted paths"] = lambda *t: path_attention(t[0], plain, *t[1:])
    forms["torch"] = lambda *t: path_attention_reference(t[0], path_index, *t[1:], None, "max", 0.2)[0]
    forms["gather"] = lambda *t: gather(*t, path_index)
    return forms


def least_bytes(inputs: tuple[Tensor, ...], path_index: Tensor) -> tuple[int, int]:
    """Returns what must move in the forward pass, and in both passes."""
    h, att, target = (t.numel() * t.element_size() for t in inputs)
    paths = path_index.numel() * path_index.element_size()
    forward = paths + 2 * h + att + target
    return forward, forward + paths + 4 * h + 2 * (att + target)


def time_copy(size: int) -> Callable[[], float]:
    """Returns a function that times a copy which reads and writes ``size`` bytes, half each."""
    source, to = torch.ones(size // 2, dtype=torch.uint8), torch.empty(size // 2, dtype=torch.uint8)

    def run() -> float:
        start = time.perf_counter()
        to.copy_(source)
        return time.perf_counter() - start

    return run


def time_forms(
    forms: dict[str, Form], inputs: tuple[Tensor, ...], path_index: Tensor, seconds: float
) -> dict[str, dict[str, float]]:
    """Returns median milliseconds of the forward pass alone and of both passes."""
    grad = torch.randn_like(inputs[0])
    copies = [time_copy(size) for size in least_bytes(inputs, path_index)]
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in (*forms, "copy")}
    stop = time.perf_counter() + seconds
    rounds = 0
    while rounds < 6 or time.perf_counter() < stop:
        times = {"copy": [copy() for copy in copies]}
        for name, form in forms.items():
            with torch.no_grad():
                start = time.perf_counter()
                form(*inputs)
                forward = time.perf_counter() - start
            start = time.perf_counter()
            torch.autograd.grad(form(*inputs), inputs, grad)
            times[name] = [forward, time.perf_counter() - start]
        if rounds > 0:  # the first round warms up
            for name, pair in times.items():
                for column, value in zip(samples[name], pair, strict=True):
                    column.append(1e3 * value)
        rounds += 1
    return {
        name: {"forward_ms": statistics.median(forward), "both_ms": statistics.median(both)}
        for name, (forward, both) in samples.items()
    }


def run(seconds: float, threads: list[int]) -> list[dict[str, object]]:
    """Measures everything and prints it as it comes. Memory first: forking is safe while there is one thread."""
    rows: list[dict[str, object]] = []
    torch.set_num_threads(1)
    memory: dict[tuple[tuple[int, ...], str], float | None] = {}
    for size in SIZES:
        inputs, *both = make_inputs(*size[1:])
        for name, form in make_forms(*both).items():
            memory[size[1:], name] = peak_memory_mb(lambda f=form, i=inputs: f(*i).sum().backward())
    for count in threads:
        torch.set_num_threads(count)
        for title, *size in SIZES:
            inputs, plain, path_index = make_inputs(*size)
            print(f"\n{title}: N={size[0]} P={size[1]} L={size[2]} H={size[3]} D={size[4]}, {count} thread(s)")
            print(f"{'':24}{'forward':>11}{'':9}{'+ backward':>13}{'':9}{'memory':>10}")
            timed = time_forms(make_forms(plain, path_index), inputs, path_index, seconds)
            base = timed["gather"]
            for name, ms in timed.items():
                peak = memory.get((tuple(size), name))
                print(
                    f"{name:24}{ms['forward_ms']:8.2f} ms{base['forward_ms'] / ms['forward_ms']:7.1f} x"
                    f"{ms['both_ms']:10.2f} ms{base['both_ms'] / ms['both_ms']:7.1f} x"
                    + ("" if peak is None else f"{peak:7.1f} MB")
                )
                shape = dict(zip(("nodes", "paths", "hops", "heads", "width"), size, strict=True))
                rows.append({"form": name, "threads": count, **shape, **ms, "peak_memory_mb": peak})
    return rows


def main() -> None:
    options = options_of(__doc__, seconds=2.0).parse_args()
    environment = announce()
    rows = run(options.seconds, options.threads)
    write(options.json, environment, rows=rows)


if __name__ == "__main__":
    main()
