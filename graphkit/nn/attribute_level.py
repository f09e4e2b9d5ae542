"""Classification of graph attributes as node-level, edge-level or graph-level."""

from torch import Tensor
from torch_geometric.data import Data

EDGE_ATTRIBUTES = ("factor_mask", "path_length")
NODE_ATTRIBUTES = ("x", "pos", "z", "batch", "n_id", "time", "whole_count", "whole_degree", "whole_loop")
#: Number of rows up to which an attribute with another name counts as graph-level: its size may match the number of
#: nodes or edges by chance.
_CHANCE = 16


def attribute_level(data: Data, name: str) -> str:
    """Returns the level of a graph attribute: ``"node"``, ``"edge"`` or ``"graph"``.

    The name is decisive where it is conventional. A name that contains ``edge`` (or ``factor_mask``) is edge-level, and
    ``x``, ``pos``, ``train_mask`` or a name that contains ``node`` is node-level, if the attribute has one row per edge
    or node. ``y`` is node-level or graph-level. Any other attribute is node-level or edge-level if its number of rows
    matches, except for up to 16 rows, which may match by chance: such an attribute is graph-level.

    Args:
        data (Data): One graph, or the disjoint union of several.
        name (str): Name of the attribute.
    """
    value = data[name]
    if not isinstance(value, Tensor) or not value.dim() or name == "ptr" or data.__cat_dim__(name, value) != 0:
        return "graph"  # `edge_index` and other tensors of ids need code of their own to be split
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
