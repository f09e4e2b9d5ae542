"""Layout of small graphs."""

import networkx
import numpy as np


def node_positions(edges: np.ndarray) -> dict[int, np.ndarray]:
    """Returns positions in the unit square for all nodes with an edge.

    Each connected component is laid out by shortest paths (Kamada-Kawai, deterministic) and rotated to its principal
    axis. Components are placed side by side, the largest first.

    Args:
        edges (array): ``[e, 2]``, pairs of nodes.
    """
    graph = networkx.Graph()
    graph.add_edges_from((int(a), int(b)) for a, b in edges)
    parts = sorted(networkx.connected_components(graph), key=lambda component: (-len(component), min(component)))
    places: dict[int, np.ndarray] = {}
    right = 0.0
    for component in parts:
        nodes = sorted(component)
        subgraph = graph.subgraph(nodes)
        start = networkx.circular_layout(nodes)
        layout = networkx.kamada_kawai_layout(subgraph, pos=start) if len(nodes) > 2 else start
        points = np.array([layout[node] for node in nodes])
        points = _wide(points - points.mean(axis=0))
        points *= np.sqrt(len(nodes)) / max(np.ptp(points, axis=0).max(), 1e-9)
        points[:, 0] += right - points[:, 0].min()
        right = points[:, 0].max() + 0.9
        places.update(zip(nodes, points, strict=True))
    return _unit(places)


def _wide(points: np.ndarray) -> np.ndarray:
    """Rotates points to their principal axis, with the sign of the first node."""
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    turned = points @ axes.T
    return turned * np.where(turned[0] < 0, -1.0, 1.0)


def _unit(places: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Scales points to the unit square, centered and with constant aspect ratio."""
    if not places:
        return places
    points = np.array(list(places.values()))
    low, high = points.min(axis=0), points.max(axis=0)
    scale, center = max((high - low).max(), 1e-9), (low + high) / 2
    return {node: (point - center) / scale + 0.5 for node, point in places.items()}
