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


def terms(row: dict[str, Any], figure: str) -> list[float]:
    """Returns what a figure is a sum of.

    The time of a batch: so much for the batch, an edge of it, a number of its features. Memory: so much for the
    program, a node of the graph, a node, an edge of the batch, a number of its features.
    """
    numbers = row["batch_nodes"] * row["features"]
    if figure == "own":
        return [1.0, float(row["nodes"]), row["batch_nodes"], row["batch_edges"], numbers]
    return [1.0, row["batch_edges"], numbers]


def fit(rows: list[dict[str, Any]], figure: str) -> np.ndarray:
    """Returns the factors of :func:`terms`, none of them negative, by least squares of the relative error."""
    from scipy.optimize import nnls

    weights = np.array([1 / row[figure] for row in rows])
    matrix = np.array([terms(row, figure) for row in rows]) * weights[:, None]
    scale = matrix.max(axis=0)  # of very different sizes as they are
    return nnls(matrix / scale, np.ones(len(rows)))[0] / scale


def report(rows: list[dict[str, Any]]) -> str:
    """Returns the model fitted to GCN, how well it foretells what it was not fitted to, and what it says of others.

    It is fitted to graphs of fewer than 500,000 nodes. Only memory has to see larger ones: what a node of the graph
    takes does not show in small graphs.
    """
    rows = [row for row in rows if row["model"] == "gcn"]
    small, large = [r for r in rows if r["nodes"] < 500_000], [r for r in rows if r["nodes"] >= 500_000]
    factors = {figure: fit(rows if figure == "own" else small, figure) for figure in ("cut", "step", "own")}
    lines = ["Fitted to GCN:"]
    for figure in ("cut", "step"):
        batch, edge, number = factors[figure]
        lines.append(
            f"  {figure}: {1e3 * batch:.1f} ms a batch + {1e9 * edge:.0f} ns an edge + {1e9 * number:.2f} ns a number"
        )
    base, node, of_batch, edge, number = factors["own"] * 2**20
    lines.append(
        f"  own memory: {base / 2**20:.0f} MB + {node:.0f} bytes a node of the graph "
        f"+ {of_batch:.0f} bytes a node of the batch, {edge:.0f} an edge, {number:.1f} a number of its features"
    )
    lines.append("Told and measured (seconds and MB; nodes and edges of a batch are told from the graph alone):")
    for row in small + large:
        most = [math.inf if row["neighbors"] == -1 else row["neighbors"]] * 2
        size = batch_size(row["nodes"], 2 * row["edges"], min(row["batch_size"], row["seeds"], row["nodes"]), most)
        told = {figure: float(np.dot(terms(row, figure), factors[figure])) for figure in factors}
        pairs = ", ".join(f"{figure} {told[figure]:.3g} {row[figure]:.3g}" for figure in told)
        lines.append(
            f"  {row['nodes']} nodes, {row['edges']} edges, width {row['features']}, {row['batch_size']} seeds, "
            f"{row['neighbors']}: nodes {size[0]:.0f} {row['batch_nodes']:.0f}, "
            f"edges {size[1]:.0f} {row['batch_edges']:.0f}, {pairs}"
        )
    lines.append("Extrapolated, not run:")
    for name, nodes, edges, features, seeds in GRAPHS:
        for neighbors in (10.0, math.inf):
            lines.append("  " + extrapolated(factors, name, nodes, edges, features, seeds, neighbors))
    return "\n".join(lines)


#: Graphs that were not run: nodes, edges (each counted once), width of the features, seeds of an epoch.
GRAPHS = (
    ("ogbn-papers100M", 111_059_956, 1_615_685_872, 128, 1_207_179),
    ("10^9 edges", 100_000_000, 1_000_000_000, 128, 1_000_000),
)


def extrapolated(
    factors: dict[str, np.ndarray], name: str, nodes: int, edges: int, features: int, seeds: int, neighbors: float
) -> str:
    """Returns what an epoch of GCN with batches of 1024 seeds would take by the fitted model."""
    steps = math.ceil(seeds / 1024)
    batch_nodes, batch_edges = batch_size(nodes, 2 * edges, 1024, [neighbors, neighbors])
    row = {"nodes": nodes, "features": features, "batch_nodes": batch_nodes, "batch_edges": batch_edges}
    asked, fetched = bytes_read(batch_nodes, batch_edges, features)
    cut, step, memory = (float(np.dot(terms(row, figure), factors[figure])) for figure in ("cut", "step", "own"))
    return (
        f"{name}, {'all' if neighbors == math.inf else int(neighbors)} neighbors: {steps} batches of "
        f"{batch_nodes / 1e3:.0f}k nodes and {batch_edges / 1e3:.0f}k edges; features asked for "
        f"{steps * asked / 1e9:.0f} GB, fetched from a disk at most {steps * fetched / 1e9:.0f} GB; "
        f"cutting {steps * cut / 60:.1f} min, steps {steps * step / 60:.1f} min; own memory {memory / 1024:.1f} GB; "
        f"files: features {nodes * features * NUMBER / 1e9:.0f} GB, edges {4 * edges * END / 1e9:.0f} GB"
    )
