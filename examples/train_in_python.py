"""Training by a Python call: the recipe of a model and a data set, changed settings, and the run folder.

Run it with ``python examples/train_in_python.py``; it generates its data and takes well under a minute.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import graphkit


def main(output: str | None = None, num_graphs: int = 2000, epochs: int = 5) -> dict[str, Any]:
    """Trains FactorGCN on generated graphs with two seeds and returns the result."""
    folder = Path(output or tempfile.mkdtemp()) / "run"
    size = {"data.num_graphs": num_graphs}
    run = graphkit.fit("factorgcn", "factor-graphs", epochs=epochs, seeds=2, set=size, output=folder, verbose=True)
    result, test = run.result, run.result["test"]
    print(f"{result['metric']} {test['mean']:.4f} +- {test['std']:.4f} over {len(test['runs'])} seeds")
    print(f"GED_E {result['ged_e']['mean']:.2f}, of the untrained model {result['untrained_ged_e']['mean']:.2f}")

    best = run.best  # the seed with the best validation score, with its trained weights
    graph = best.dataset.graphs[0]
    _, factors = best.model(**best.model.inputs(graph), return_factors=True)
    print(f"the first graph has {graph.num_edges} edges; factors of layer 1: {tuple(factors[0].shape)}")
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
