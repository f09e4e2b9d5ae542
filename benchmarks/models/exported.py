"""Milliseconds per clip of a deployed STIGCN: onnxruntime and .pt2 against the model, one thread.

All forms have the same weights and get the same clips, and must give the same scores. They take turns, and the median
of the processor's time counts. The sizes are those of NW-UCLA (one person, 20 joints, 52 frames) and of NTU RGB+D (two
persons, 25 joints, 300 frames), with the published widths; or those of a trained run.

    python benchmarks/models/exported.py --json exported.json
    python benchmarks/models/exported.py --run runs/stigcn-nw-ucla-001
"""

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from graphkit import ops
from graphkit.experiments import open_run
from graphkit.export.formats import run_onnx, run_pt2, trace, write_onnx, write_pt2
from graphkit.export.plain import plain_form
from graphkit.nn import STIGCN
from graphkit.training.environment import environment

#: Joint layout, persons, classes and frames of a clip.
SIZES = {"nw-ucla": ("nw-ucla-20", 1, 10, 52), "ntu": ("ntu-25", 2, 60, 300)}


def lively(model: torch.nn.Module) -> None:
    """Gives all norms something to do, as they have after training."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.2, 0.6)
            module.bias.data.normal_(0.0, 0.1)


def forms(model: STIGCN, shape: tuple[int, ...], folder: Path) -> dict[str, Callable[[Tensor], Tensor]]:
    """Returns what is compared, by name."""
    plain = plain_form(model)
    program = trace(plain, (2, *shape), 2 * plain.least_frames)
    compiled: dict[str, Callable[[Tensor], Tensor]] = {"model": model}
    write_pt2(program, folder / "model.pt2", {})
    compiled["pt2"] = run_pt2(folder / "model.pt2")[0]
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        write_onnx(program, folder / "model.onnx", {})
        compiled["onnxruntime"] = run_onnx(folder / "model.onnx", threads=1)[0]
    else:
        print("onnxruntime is left out: pip install onnx onnxruntime onnxscript")
    return compiled


def measure(compiled: dict[str, Callable[[Tensor], Tensor]], x: Tensor, rounds: int) -> dict[str, float]:
    """Returns the median milliseconds of each form for a clip of the batch; a first round warms up and compares."""
    seconds: dict[str, list[float]] = {name: [] for name in compiled}
    with torch.inference_mode():
        expected = compiled["model"](x)
        for number in range(rounds + 1):
            for name, call in compiled.items():
                begin = time.process_time()
                out = call(x)
                if number:
                    seconds[name].append(time.process_time() - begin)
                else:
                    torch.testing.assert_close(out, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)
    return {name: 1000 * statistics.median(samples) / x.size(0) for name, samples in seconds.items()}


def of_size(size: str) -> tuple[STIGCN, int]:
    """Returns an untrained model of the published widths, and the number of frames of a clip."""
    layout, persons, classes, frames = SIZES[size]
    model = STIGCN(3, classes, layout, persons)
    lively(model)
    return model.eval(), frames


def of_run(path: str) -> tuple[STIGCN, int]:
    """Returns the model of a run, and the number of frames that it was trained with."""
    fit = open_run(path).best
    return fit.model, fit.dataset.graphs.frames or SIZES["nw-ucla"][-1]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--run", help="a run folder, whose model takes the place of the sizes")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    print(f"operators: {ops.backend()}; milliseconds per clip, median of {args.rounds}")
    for size in [args.run] if args.run else args.sizes:
        model, frames = of_run(size) if args.run else of_size(size)
        shape = (model.in_channels, frames, model.layout.num_joints, model.num_persons)
        with tempfile.TemporaryDirectory() as folder:
            compiled = forms(model, shape, Path(folder))
            for batch in args.batches:
                times = measure(compiled, torch.randn(batch, *shape), args.rounds)
                rows.append({"size": size, "batch": batch, **times})
                cells = "  ".join(f"{name} {value:8.2f}" for name, value in times.items())
                print(f"{size:8}  batch {batch}  {cells}")
    if args.json:
        content = {"environment": environment(torch.device("cpu")), "rounds": args.rounds, "rows": rows}
        Path(args.json).write_text(json.dumps(content, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
