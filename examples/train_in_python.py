"""Training by a Python call: a recipe, some settings of your own, and what the run folder gives back.

Run it with ``python examples/train_in_python.py``; it generates its data and takes well under a minute.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from graphkit.config.recipes import recipe_config
from graphkit.config.schema import merge
from graphkit.experiments import fit, make_progress, open_run


def main(output: str | None = None, num_graphs: int = 2000, epochs: int = 5) -> dict[str, Any]:
    """Trains FactorGCN on generated graphs with two seeds and returns the result."""
    mine = {"data": {"num_graphs": num_graphs}, "train": {"epochs": epochs}, "seeds": 2}
    config = merge(recipe_config("factorgcn-factor-graphs"), mine)
    folder = Path(output or tempfile.mkdtemp()) / "run"
    result = fit(config, folder, make_progress())
    test = result["test"]
    print(f"{result['metric']} {test['mean']:.4f} +- {test['std']:.4f} over {len(test['runs'])} seeds")
    print(f"GED_E {result['ged_e']['mean']:.2f}, of the untrained model {result['untrained_ged_e']['mean']:.2f}")

    run = open_run(folder).best  # the seed with the best validation score, with its trained weights
    graph = run.dataset.graphs[0]
    _, factors = run.model(**run.model.inputs(graph), return_factors=True)
    print(f"the first graph has {graph.num_edges} edges; factors of layer 1: {tuple(factors[0].shape)}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
