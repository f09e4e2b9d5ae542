"""Where does preserving topology help? TWP's two parts alone and together, on streams and backbones of several kinds.

For every setting there are four learners: fine-tuning, TWP with its loss part only, with its topology part only, and
with both in equal parts. With several strengths each of the last three is tried with all of them on a seed of its own,
and the best by validation is run on the others. The table has average performance and AF on test items; the last column
is what the topology part adds to the loss part, as mean and deviation over pairs of runs with the same seed.

    python benchmarks/continual/topology_map.py --seeds 3 --json topology_map.json
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from graphkit.experiments import build_config, run
from graphkit.training.environment import environment

#: The backbone with attention, in the form that is fastest on a processor.
ATTENTION = {"name": "spagan", "iterations": 0, "max_hops": 1, "out_act": "none", "attention_dropout": 0.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "whole graph": {},
    "no edges between tasks": {"stream": {"inter_task_edges": False}},
    "graph grows": {"stream": {"visible": "so-far"}},
    "graph of the task alone": {"stream": {"visible": "task"}},
    "whole graph, GCN": {"model": {"name": "gcn"}},
    "whole graph, GIN": {"model": {"name": "gin"}},
}
PARTS = {"loss": (1.0, 0.0), "topology": (0.0, 1.0), "both": (0.5, 0.5)}


def learn(config: dict[str, Any], strategy: str, options: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns the scores of one run."""
    with tempfile.TemporaryDirectory() as folder:
        layer = {**config, "strategies": {strategy: options}, "seed": seed, "seeds": 1}
        settings = build_config("continual", layer, recipe="none")
        return run(settings, Path(folder) / "run").result["strategies"][strategy]


def measure(config: dict[str, Any], strengths: list[float], seeds: int) -> dict[str, Any]:
    """Returns the scores of the four learners in one setting."""
    results: dict[str, Any] = {}
    chosen: dict[str, dict[str, Any]] = {"fine-tune": {}}
    for term, (loss, topology) in PARTS.items():
        settings = [{"lambda_l": s * loss, "lambda_t": s * topology, "samples": 20} for s in strengths]
        chosen[term] = settings[0]
        if len(settings) > 1:
            tried = [learn(config, "twp", options, seeds)["validation"]["mean"] for options in settings]
            chosen[term] = settings[tried.index(max(tried))]
    for name, options in chosen.items():
        runs = [learn(config, "twp" if options else "fine-tune", options, seed) for seed in range(seeds)]
        results[name] = {
            "options": options,
            "average_performance": [run["average_performance"]["mean"] for run in runs],
            "average_forgetting": [run["average_forgetting"]["mean"] for run in runs],
        }
    pairs = zip(results["both"]["average_performance"], results["loss"]["average_performance"], strict=True)
    results["topology adds"] = [both - loss for both, loss in pairs]
    return results


def cell(values: list[float], sign: str = "") -> str:
    """Returns mean and deviation in per cent."""
    spread = f" +- {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.fmean(values):{sign}.1f}{spread}"


def main() -> None:
    """Prints a table and writes JSON where it is told to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.1, 1.0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--size", type=int, default=50, help="nodes of each of the 18 classes")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    print(f"{'AP / AF in %':<26}" + "".join(f"{name:>26}" for name in ("fine-tune", *PARTS)) + f"{'topology adds':>18}")
    for name in arguments.settings:
        config = {
            "model": SETTINGS[name].get("model", ATTENTION) | {"dropout": 0.3},
            "data": {"name": "sbm-continual", "size": arguments.size, "transforms": ["self-loops"]},
            "stream": {"per_task": 2, **SETTINGS[name].get("stream", {})},
            "train": {"epochs": arguments.epochs, "lr": 0.03},
        }
        scores = results[name] = measure(config, arguments.strengths, arguments.seeds)
        cells = [
            f"{cell(scores[term]['average_performance'])} / {cell(scores[term]['average_forgetting'])}"
            for term in ("fine-tune", *PARTS)
        ]
        print(f"{name:<26}" + "".join(f"{text:>26}" for text in cells) + f"{cell(scores['topology adds'], '+'):>18}")
        if arguments.json:
            content = {"settings": results, "environment": environment(torch.device("cpu"))}
            Path(arguments.json).write_text(json.dumps(content, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
