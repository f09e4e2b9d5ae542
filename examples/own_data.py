"""Your own graph: written as two tables, trained on by path, predictions read back.

Run it with ``python examples/own_data.py``; it takes a few seconds. The formats are described in docs/own_data.md.
"""

import csv
import sys
import tempfile
from pathlib import Path
from random import Random

import networkx

import graphkit


def write_tables(folder: Path) -> None:
    """Writes a graph of two communities with two noisy measurements per node; yours may come from anywhere."""
    random = Random(0)
    graph = networkx.planted_partition_graph(2, 60, p_in=0.1, p_out=0.01, seed=0)
    folder.mkdir(parents=True)
    with (folder / "nodes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "age", "income", "label"])
        for node in graph.nodes:
            club = graph.nodes[node]["block"]
            measured = f"{random.gauss(club, 1):.3f}", f"{random.gauss(-club, 1):.3f}"
            writer.writerow([f"member-{node}", *measured, ("chess", "rowing")[club]])
    with (folder / "edges.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target"])
        writer.writerows([f"member-{u}", f"member-{v}"] for u, v in graph.edges)


def main(output: str | None = None) -> float:
    """Trains on the tables and returns the test accuracy."""
    output_dir = Path(output or tempfile.mkdtemp())
    write_tables(output_dir / "club")
    run = graphkit.fit(
        "factorgcn",
        output_dir / "club",
        split="0.5,0.25,0.25",
        epochs=50,
        set={"model.hidden_channels": 16, "model.factors": [2, 1], "data.transforms": ["self-loops"]},
        output=output_dir / "run",
    )
    predictions = run.predict()
    predictions.save(output_dir / "preds.csv")
    test = run.result["test"]["mean"]
    print(f"test accuracy {test:.2f}; {len(predictions)} predictions in {output_dir / 'preds.csv'}")
    print("\n".join((output_dir / "preds.csv").read_text().splitlines()[:4]))
    return test


if __name__ == "__main__":
    main(*sys.argv[1:2])
