"""Rule that tells attributes of nodes, of edges and of the whole graph apart."""

from torch import Tensor
from torch_geometric.data import Data

EDGE_ATTRIBUTES = ("factor_mask", "path_length")
NODE_ATTRIBUTES = ("x", "pos", "z", "batch", "n_id", "time", "whole_count", "whole_degree", "whole_loop")
#: Rows up to which an attribute with a name of its own may be a target of the whole graph that happens to have as many
#: numbers as there are nodes or edges.
_CHANCE = 16


def attribute_level(data: Data, name: str) -> str:
    """Returns what an attribute of a graph belongs to: ``"node"``, ``"edge"`` or ``"graph"``.

    The name decides where it can: an attribute with ``edge`` in its name (or ``factor_mask``) belongs to the edges, and
    one such as ``x``, ``pos`` or ``train_mask``, or with ``node`` in its name, to the nodes, if it has a row for each;
    ``y`` belongs to the nodes or to the graph, never to the edges. An attribute with another name belongs to the nodes
    or edges if it has as many rows, but not if there are so few of them that the numbers may agree by chance: it then
    belongs to the graph.

    Args:
        data: One graph, or the disjoint union of several.
        name: Name of the attribute.
    """
    value = data[name]
    if not isinstance(value, Tensor) or not value.dim() or name == "ptr" or data.__cat_dim__(name, value) != 0:
        return "graph"  # among them `edge_index` and all that holds ids, which nothing but their own code can cut
    rows, num_nodes, num_edges = value.size(0), int(data.num_nodes or 0), data.num_edges
    if "edge" in name or name in EDGE_ATTRIBUTES:
        return "edge" if rows == num_edges else "graph"
    if "node" in name or name.endswith("mask") or name in NODE_ATTRIBUTES:
        return "node" if rows == num_nodes else "graph"
    num_graphs = int(data.batch.max()) + 1 if isinstance(data.get("batch"), Tensor) and data.batch.numel() else 1
    if name == "y":
        return "node" if rows == num_nodes and not (rows == num_graphs and value.dim() > 1) else "graph"
    if rows == num_graphs or rows <= _CHANCE:
        return "graph"
    return "node" if rows == num_nodes else "edge" if rows == num_edges else "graph"
