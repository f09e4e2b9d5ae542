"""One training by several processes: the script is the same, only its start differs.

``python examples/two_processes.py`` trains in one process, and

    torchrun --standalone --nproc-per-node 2 examples/two_processes.py

in two, each of which computes half of every batch, with the same result. It takes a few seconds.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from graphkit.distributed.communicator import init_distributed, rank
from graphkit.experiments import fit, open_run

CONFIG: dict[str, Any] = {
    "model": {"name": "factorgcn", "hidden_channels": 16, "dropout": 0.0, "batch_norm": True},
    "data": {"name": "factor-graphs", "num_graphs": 501, "transforms": ["self-loops"], "seed": 0},
    "train": {"epochs": 4, "batch_size": 50},
}


def main(output: str | None = None) -> dict[str, Any]:
    """Trains, and returns the result, which is the same in all processes."""
    with init_distributed() as processes:  # `fit` would join them by itself; here all have to agree on a folder first
        folder = processes.broadcast_from_rank0(lambda: Path(output or tempfile.mkdtemp()) / "run")
        result = fit(CONFIG, folder)
        if rank() == 0:
            print(f"{processes.world_size} process(es): {result['metric']} {result['test']['mean']:.4f}, in {folder}")
            print(f"the last loss is {open_run(folder).metrics[-1]['loss']:.6f}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
