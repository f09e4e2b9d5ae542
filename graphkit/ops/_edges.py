"""Validation and grouping (CSC and CSR) of edges."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import INDEX_TYPES, check_tensors, describe, has_values
from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import has_native


class GroupedEdges(NamedTuple):
    """Edges grouped by target (CSC) and optionally by source (CSR).

    Args:
        colptr (Tensor): Offsets ``[N + 1]``: the edges into node ``i`` are ``colptr[i]`` to ``colptr[i + 1] - 1``.
        row (Tensor): Sources ``[E]`` of the edges grouped by target.
        rowptr (Tensor): Offsets ``[N + 1]`` of the edges out of each node.
        col (Tensor): Targets ``[E]`` of the edges grouped by source.
    """

    colptr: Tensor
    row: Tensor
    rowptr: Tensor | None
    col: Tensor | None


# Cache of the groups of an `EdgeIndex`, which the layers of a model share. Plain tensors are not cached: changes
# through a NumPy array that shares their memory cannot be detected.
_groups: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def group_edges(edge_index: Tensor, num_nodes: int, both_ways: bool) -> GroupedEdges:
    """Groups edges by target and optionally by source, in stable order.

    For a plain tensor, the grouping by source is deferred to the backward pass.
    """
    if torch.compiler.is_compiling() or not isinstance(edge_index, EdgeIndex):
        return GroupedEdges(*_group(edge_index, num_nodes), None, None)
    state = (num_nodes, *edge_state(edge_index))
    old_state, edges = _groups.get(edge_index, (None, None))
    if edges is None or old_state != state or None in state:
        edges = GroupedEdges(*_group(edge_index.as_tensor(), num_nodes), None, None)
    if both_ways and edges.rowptr is None:
        edges = GroupedEdges(edges.colptr, edges.row, *_by_source(edge_index, edges))
    _groups[edge_index] = (state, edges)
    return edges


def edge_state(edge_index: EdgeIndex) -> tuple[int | None, int | None]:
    """Returns what changes when the edges are changed in place."""
    return _version(edge_index), _version(edge_index.as_tensor())


def _version(tensor: Tensor) -> int | None:
    """Returns the version counter of a tensor."""
    return None if tensor.is_inference() else tensor._version


def _by_source(edge_index: EdgeIndex, edges: GroupedEdges) -> tuple[Tensor, Tensor]:
    """Returns the edges by source; in an undirected graph, those by target."""
    if edge_index.is_undirected:
        return edges.colptr, edges.row
    return call_native(torch.ops.graphkit.transpose_edges, edges.colptr, edges.row)


def _group(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    return call_native(torch.ops.graphkit.group_edges, edge_index[1].long(), edge_index[0].long(), num_nodes)


if has_native("group_edges"):

    @register_fake("group_edges")
    def _group_edges_fake(index: Tensor, other: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        return index.new_empty(num_nodes + 1), index.new_empty(index.size(0))

    @register_fake("transpose_edges")
    def _transpose_edges_fake(ptr: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return ptr.new_empty(ptr.size(0)), other.new_empty(other.size(0))


def check_edges(edge_index: Tensor, device: torch.device) -> None:
    """Raises an InputError unless ``edge_index`` is an integer tensor ``[2, E]``."""
    check_tensors(edge_index=edge_index)
    if edge_index.dim() != 2 or edge_index.size(0) != 2 or edge_index.dtype not in INDEX_TYPES:
        raise InputError(
            "`edge_index` must be an integer tensor [2, E], sources in row 0 and targets in row 1 "
            f"(got {describe(edge_index)})"
        )
    if edge_index.device != device:
        raise InputError(
            f"`edge_index` must be on the device of the features, {device} (got {edge_index.device}); move it there"
        )


def check_edge_values(edge_index: Tensor, num_nodes: int) -> None:
    """Raises an InputError for invalid node ids or a wrong declared sort order.

    Reads the values of the edges and synchronizes with their device.
    """
    check_node_ids("edge_index", edge_index, num_nodes, "the features")
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col and has_values(edge_index):
        col = edge_index.as_tensor()[1]
        if bool((col[1:] < col[:-1]).any()):
            raise InputError(
                "`edge_index` must be sorted as declared (got sort_order='col' with unsorted columns); "
                "sort it with `EdgeIndex(...).sort_by('col')`"
            )


def check_node_ids(name: str, index: Tensor, num_nodes: int, features: str) -> None:
    """Raises an InputError if ``index`` has invalid node ids; synchronizes."""
    if index.numel() == 0 or not has_values(index):
        return
    plain = index.as_tensor() if isinstance(index, EdgeIndex) else index
    low, high = (int(end) for end in plain.aminmax())
    if low < 0 or high >= num_nodes:
        raise InputError(
            f"`{name}` must hold node ids from 0 to {num_nodes - 1}, one per row of {features} "
            f"(got ids from {low} to {high}); check the ids or the number of nodes"
        )
