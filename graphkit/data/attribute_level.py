"""What an attribute of a graph belongs to: its nodes, its edges or the graph itself."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.nn.attribute_level import EDGE_ATTRIBUTES

BOOKKEEPING = ("edge_index", "batch", "ptr", "num_nodes", "num_graphs")


def level_of(name: str, values: list[Any], num_nodes: list[int], num_edges: list[int]) -> str:
    """Returns what an attribute belongs to, given its values and the sizes of all graphs.

    That is ``"node"``, ``"edge"``, ``"graph"`` or, for paths such as ``path_index_2``, ``"path"``.
    """
    if name.startswith("path_index") and all(isinstance(value, Tensor) and value.dim() == 2 for value in values):
        return "path"
    if not all(isinstance(value, Tensor) and value.dim() > 0 for value in values):
        return "graph"
    rows = [value.size(0) for value in values]
    if ("edge" in name or name in EDGE_ATTRIBUTES) and rows == num_edges:
        return "edge"
    if name == "y" and all(count == 1 for count in rows):
        return "graph"
    if rows == num_nodes:
        return "node"
    # One row in every graph is more often a target of the graph than a property of its only edge.
    is_edge = rows == num_edges and name != "y" and any(count > 1 for count in rows)
    return "edge" if is_edge else "graph"


def stack_graph_level(name: str, values: list[Any]) -> Any:
    """Stacks one value per graph: tensors to ``[G, ...]``, anything else to a list.

    Raises:
        ValueError: If tensors differ in shape.
    """
    if not all(isinstance(value, Tensor) for value in values):
        return [value.tolist() if isinstance(value, Tensor) else value for value in values]
    values = [value if value.dim() and value.size(0) == 1 else value.unsqueeze(0) for value in values]
    if len({value.shape for value in values}) > 1:
        raise InputError(f"`{name}` must have the same shape in every graph, or one row per node or per edge")
    return torch.cat(values)
