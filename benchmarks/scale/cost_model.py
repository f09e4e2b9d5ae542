"""The model of docs/cost.md: what an epoch in batches of nodes reads, and how long that takes.

What a batch holds follows from the graph. With ``m`` draws of a node among ``N``, about ``N (1 - exp(-m / N))``
different ones come, so that the nodes and edges of a batch can be foretold for graphs without far-away parts, the worst
case. What a batch costs is fitted: so much for a batch, for an edge, for a number of a feature.
"""

import math
from typing import Any

import numpy as np

#: Bytes of a number of a feature, of the end of an edge, of a page of a file.
NUMBER, END, PAGE = 4, 8, 4096


def batch_size(nodes: float, in_edges: float, seeds: float, neighbors: list[float]) -> tuple[float, float]:
    """Returns how many nodes and edges a batch holds.

    Args:
        nodes: Nodes of the graph.
        in_edges: Edges of the graph, each direction counted.
        seeds: Seeds of a batch.
        neighbors: Edges drawn in each layer; infinite for all.
    """
    degree = in_edges / nodes
    seen = new = min(seeds, nodes)
    edges = 0.0
    for most in neighbors:
        edges += new * min(degree, most)
        # Each edge leads to a node drawn from all, some of which have been seen.
        more = (nodes - seen) * (1 - math.exp(-new * min(degree, most) / nodes))
        seen, new = seen + more, more
    return seen, edges


def bytes_read(batch_nodes: float, batch_edges: float, features: float) -> tuple[float, float]:
    """Returns the bytes of features and edges that a batch asks for, and what it fetches from disk, page by page.

    The latter is for files of which nothing is in memory yet. A row begins anywhere in a page, so that one of ``r``
    bytes lies in ``1 + r / PAGE`` pages on average.
    """
    row = features * NUMBER
    return batch_nodes * row + batch_edges * END, batch_nodes * (PAGE + row) + batch_edges * END


def terms(row: dict[str, Any]) -> list[float]:
    """Returns what the time of a batch is a sum of: a batch, its edges, the numbers of its features."""
    return [1.0, row["batch_edges"], row["batch_nodes"] * row["features"]]


def fit(rows: list[dict[str, Any]], part: str) -> np.ndarray:
    """Returns the seconds for a batch, an edge and a number of a feature, by least squares of the relative error."""
    from scipy.optimize import nnls

    weights = np.array([1 / row[part] for row in rows])
    matrix = np.array([terms(row) for row in rows]) * weights[:, None]
    return nnls(matrix, np.ones(len(rows)))[0]


def report(rows: list[dict[str, Any]]) -> str:
    """Returns the fitted model of each network, and how well it foretells the graphs that it was not fitted to."""
    lines = []
    for name in sorted({row["model"] for row in rows}):
        own = [row for row in rows if row["model"] == name]
        small, large = [r for r in own if r["nodes"] < 500_000], [r for r in own if r["nodes"] >= 500_000]
        if len(small) < 4:
            continue
        for part in ("cut", "step"):
            found = fit(small, part)
            lines.append(
                f"{name} {part}: {1e3 * found[0]:.1f} ms a batch + {1e9 * found[1]:.0f} ns an edge "
                f"+ {1e9 * found[2]:.2f} ns a number of a feature"
            )
            for row in large:
                told = float(np.dot(terms(row), found))
                lines.append(
                    f"  {row['nodes']} nodes, batches of {row['batch_size']}, neighbours {row['neighbors']}: "
                    f"told {told:.3f} s, measured {row[part]:.3f} s"
                )
    for row in rows:
        most = [math.inf if row["neighbors"] == -1 else row["neighbors"]] * 2
        if row["model"] == "gcn":
            told = batch_size(row["nodes"], 2 * row["edges"], min(row["batch_size"], row["seeds"]), most)
            lines.append(
                f"gcn on {row['nodes']} nodes, {row['edges']} edges, {row['batch_size']} seeds, {row['neighbors']}: "
                f"told {told[0]:.0f} nodes and {told[1]:.0f} edges, "
                f"measured {row['batch_nodes']:.0f} and {row['batch_edges']:.0f}"
            )
    return "\n".join(lines)
