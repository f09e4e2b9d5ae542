"""Test scores of trained runs on clips in float32, with norms folded, and folded in bfloat16: what a fast form costs.

Each run folder is one of ``graphkit train --model stigcn``; all its seeds are scored.

    python benchmarks/models/stigcn_accuracy.py runs/stigcn-nw-ucla-001 --json accuracy.json
"""

import argparse
import json

import torch

from graphkit.experiments import open_run
from graphkit.nn import fold_norms
from graphkit.tasks import make_task
from graphkit.training.batches import Batches
from graphkit.training.environment import environment
from graphkit.training.loop import collect

CPU = torch.device("cpu")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(f"{'float32':>10} {'folded':>10} {'bfloat16':>10} {'changed':>8}")
    for fit in (fit for path in arguments.runs for fit in open_run(path).fits):
        task = make_task(fit.dataset.task, fit.dataset.metric)
        batches = Batches(fit.dataset, fit.split.test, fit.config["train"]["batch_size"], CPU)
        models = {
            "float32": fit.model,
            "folded": fold_norms(fit.model),
            "bfloat16": fold_norms(fit.model, torch.bfloat16),
        }
        outputs = {name: collect(model, batches) for name, model in models.items()}
        score = {name: 100 * task.score(output.float(), y) for name, (output, y) in outputs.items()}
        changed = int((outputs["float32"][0].argmax(1) != outputs["bfloat16"][0].argmax(1)).sum())
        rows.append({"run": str(fit.path), **score, "changed": changed})
        print(f"{score['float32']:10.2f} {score['folded']:10.2f} {score['bfloat16']:10.2f} {changed:8d}  {fit.path}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows, "environment": environment(CPU)}, file, indent=2, default=str)


if __name__ == "__main__":
    main()
