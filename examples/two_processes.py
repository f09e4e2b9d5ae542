"""One training by several processes: the script is the same, only its start differs.

``python examples/two_processes.py`` trains in one process, and

    torchrun --standalone --nproc-per-node 2 examples/two_processes.py

in two, each of which computes half of every batch, with the same result. It takes a few seconds.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import graphkit
from graphkit.distributed.communicator import init_distributed, rank

SETTINGS: dict[str, Any] = {
    "model.hidden_channels": 16,
    "model.dropout": 0.0,
    "model.batch_norm": True,
    "data.num_graphs": 501,
    "data.transforms": ["self-loops"],
    "data.seed": 0,
}


def main(output: str | None = None) -> dict[str, Any]:
    """Trains, and returns the result, which is the same in all processes."""
    with init_distributed() as processes:  # `fit` would join them by itself; here all have to agree on a folder first
        folder = processes.broadcast_from_rank0(lambda: Path(output or tempfile.mkdtemp()) / "run")
        training = {"epochs": 4, "batch_size": 50, "recipe": "none"}
        run = graphkit.fit("factorgcn", "factor-graphs", set=SETTINGS, output=folder, **training)
        result = run.result
        if rank() == 0:
            print(f"{processes.world_size} process(es): {result['metric']} {result['test']['mean']:.4f}, in {folder}")
            print(f"the last loss is {run.metrics[-1]['loss']:.6f}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
