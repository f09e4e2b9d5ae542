"""Seconds per clip of STIGCN, forwards and in a training step, against the straightforward form and against ST-GCN.

The straightforward form (``plain_stigcn.py``) makes each branch its own product and norm on ``[N, C, T, V]`` tensors,
as the released code does. It gets the same clips and weights, and must give the same scores; so must the plain form
that is exported. All forms take turns, and the median of the processor's seconds counts. One clip has 300 frames of two
persons with 25 joints, as in NTU RGB+D.

    python benchmarks/models/stigcn.py --json stigcn.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from plain_stigcn import PlainSTIGCN
from torch import Tensor

from graphkit import ops
from graphkit.export.plain import plain_form
from graphkit.nn import STGCN, STIGCN, stigcn_weights
from graphkit.training.environment import environment

#: Multiply-adds of one clip in the released order: convolutions, and products with joint matrices.
MULTIPLY_ADDS = 3_977_493_760 + 419_780_000


def forward(model: torch.nn.Module, x: Tensor) -> Callable[[], object]:
    """Returns a call of the model."""

    def run() -> object:
        with torch.inference_mode():
            return model(x)

    return run


def step(model: torch.nn.Module, x: Tensor, mixed: bool = False) -> Callable[[], object]:
    """Returns the forward and backward pass of a training step."""
    y = torch.arange(x.size(0))

    def run() -> object:
        model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            out = model(x)
        return torch.nn.functional.cross_entropy(out.float(), y).backward()

    return run


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each call, which take turns; a first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            if number:
                seconds[name].append(time.process_time() - begin)
    return seconds


def lively(model: PlainSTIGCN) -> None:
    """Gives all norms something to do, as they have after training."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.2, 0.6)
            module.bias.data.normal_(0.0, 0.1)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    plain = PlainSTIGCN()
    lively(plain)
    ours = STIGCN(polynomial="elementwise", dropout=0.0)
    ours.load_state_dict(stigcn_weights(ours, plain.state_dict()))
    other = STGCN(dropout=0.0)
    x = torch.randn(arguments.clips, 3, arguments.frames, 25, 2)
    for model in (plain, ours, other):
        model.eval()
    exported = plain_form(ours)
    expected = plain(x).detach()
    for model in (ours, exported):
        with torch.no_grad():
            error = float((model(x) - expected).abs().max() / expected.abs().max())
        assert error < 1e-5, f"the scores differ by {error:.1e}"

    calls = {
        "straightforward": forward(plain, x),
        "graphkit": forward(ours, x),
        "graphkit, plain form": forward(exported, x),
        "ST-GCN": forward(other, x),
    }
    matrix = torch.randn(2048, 2048)
    calls["a product of matrices"] = lambda: matrix @ matrix
    seconds = measure(calls, arguments.rounds)
    product = statistics.median(seconds.pop("a product of matrices"))
    for model in (plain, ours, other):
        model.train()
    calls = {
        "straightforward": step(plain, x),
        "graphkit": step(ours, x),
        "graphkit, mixed bfloat16": step(ours, x, mixed=True),
        "ST-GCN": step(other, x),
    }
    steps = measure(calls, max(3, arguments.rounds // 2))

    rate = 2048**3 / product / 1e9
    scale = arguments.frames / 300 * arguments.clips
    print(f"operators: {ops.backend()}, one thread, {arguments.clips} clips of {arguments.frames} frames")
    print(f"a product of 2048 x 2048 matrices: {rate:.1f} billion multiply-adds per second")
    report: dict[str, object] = {"matrix_product_gmacs": rate, **vars(arguments)}
    for title, table in (("forward", seconds), ("training step", steps)):
        print(f"{title:<30} {'s per clip':>12} {'ratio':>8} {'GMAC/s':>8}")
        median = {name: statistics.median(values) for name, values in table.items()}
        for name, value in median.items():
            work = MULTIPLY_ADDS * scale * (1 if title == "forward" else 3) / value / 1e9
            done = f"{work:8.1f}" if name != "ST-GCN" else f"{'':8}"
            print(f"  {name:<28} {value / arguments.clips:12.4f} {median['straightforward'] / value:8.2f} {done}")
        report[title] = {name: {"median": median[name], "seconds": values} for name, values in table.items()}
    if arguments.json:
        report["environment"] = environment(torch.device("cpu"))
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2, default=str)


if __name__ == "__main__":
    main()
