"""Link prediction on an own graph: train, compare with the floors, and list new links.

The graph has 150 members of three clubs. Members have noisy interests, and most of their contacts are in their club.
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch_geometric.data import Data

import graphkit


def contacts(num_nodes: int = 150, num_edges: int = 700) -> Data:
    """Returns the graph, with each edge in both directions."""
    generator = torch.Generator().manual_seed(0)
    club = torch.randint(3, (num_nodes,), generator=generator)
    ends = torch.randint(num_nodes, (2, 20 * num_edges), generator=generator)
    same = club[ends[0]] == club[ends[1]]
    kept = (ends[0] != ends[1]) & (same | (torch.rand(same.shape, generator=generator) < 0.05))
    edges = ends[:, kept][:, :num_edges]
    x = torch.eye(3)[club] + torch.randn(num_nodes, 3, generator=generator)
    return Data(x=x, edge_index=torch.cat([edges, edges.flip(0)], dim=1))


def main(folder: str, epochs: int = 60) -> float:
    """Trains a model, prints its scores and floors, and writes new links; returns the ROC-AUC."""
    run = graphkit.fit(
        "gcn", contacts(), task="link-prediction", epochs=epochs, seeds=2, output=Path(folder) / "contacts"
    )
    result = run.result
    print(f"{'':<26}roc-auc  hard-mrr")
    rows = {"gcn": {name: score["mean"] for name, score in result["scores"].items()}, **result["floors"]}
    for name, scores in rows.items():
        print(f"{name:<26}{scores['roc-auc']:>7.3f}{scores['hard-mrr']:>10.3f}")
    new = run.predict(top=2)
    new.save(Path(folder) / "new_links.csv")
    print(f"{len(new)} suggestions, the first: {new.ids[0]} - {new.to[0]} ({new.prediction[0]:.2f})")
    given = run.predict([(0, 1), (0, 2)])
    print("scores of two pairs:", [round(score, 2) for score in given.prediction.tolist()])
    return float(result["test"]["mean"])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
