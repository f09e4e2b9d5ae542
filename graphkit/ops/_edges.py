"""What every operator over edges needs: checks, and the edges grouped by the node they end or start at."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from torch_geometric import EdgeIndex

from graphkit.errors import InputError
from graphkit.ops._arguments import INDEX_TYPES, check_tensors, describe, has_values
from graphkit.ops._calls import call_native
from graphkit.ops._native import has_native


class GroupedEdges(NamedTuple):
    """Edges grouped by target, and by source if that is needed too.

    Args:
        colptr: ``[N + 1]``, the edges into node ``i`` are ``colptr[i]`` to ``colptr[i + 1] - 1``.
        row: ``[E]``, their sources.
        rowptr: ``[N + 1]``, the same for the edges out of a node.
        col: ``[E]``, their targets.
    """

    colptr: Tensor
    row: Tensor
    rowptr: Tensor | None
    col: Tensor | None


# What was worked out for an `EdgeIndex`, for as long as that lives: the layers of a model share their edges. Plain
# tensors are not remembered: they can change without a trace, through a numpy array that shares their memory.
_known: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def group_edges(edge_index: Tensor, num_nodes: int, both_ways: bool) -> GroupedEdges:
    """Groups edges by target, keeping their order within a group, and if ``both_ways`` is set by source too.

    For a plain tensor the edges by source are left to the backward pass, which may never come.
    """
    if torch.compiler.is_compiling() or not isinstance(edge_index, EdgeIndex):
        return GroupedEdges(*_group(edge_index, num_nodes), None, None)
    state = (num_nodes, _version(edge_index), _version(edge_index.as_tensor()))
    known_state, edges = _known.get(edge_index, (None, None))
    if edges is None or known_state != state:
        edges = GroupedEdges(*_by_target(edge_index, num_nodes), None, None)
    if both_ways and edges.rowptr is None:
        edges = GroupedEdges(edges.colptr, edges.row, *_by_source(edge_index, edges))
    _known[edge_index] = (state, edges)
    return edges


def _version(tensor: Tensor) -> int | None:
    """Counts changes in place; an `EdgeIndex` and the tensor inside it each count their own."""
    return None if tensor.is_inference() else tensor._version


def _by_target(edge_index: EdgeIndex, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Takes the groups that PyG has cached, if there are any and they are of the right size."""
    if edge_index.is_sorted_by_col:
        colptr = getattr(edge_index, "_indptr", None)
        if colptr is not None and colptr.numel() == num_nodes + 1:
            return colptr.long().contiguous(), edge_index.as_tensor()[0].long().contiguous()
    return _group(edge_index.as_tensor(), num_nodes)


def _by_source(edge_index: EdgeIndex, edges: GroupedEdges) -> tuple[Tensor, Tensor]:
    """In an undirected graph the edges by source are those by target with their ends swapped."""
    if edge_index.is_undirected:
        return edges.colptr, edges.row
    return call_native(torch.ops.graphkit.transpose_edges, edges.colptr, edges.row)


def _group(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    return call_native(torch.ops.graphkit.group_edges, edge_index[1].long(), edge_index[0].long(), num_nodes)


if has_native("group_edges"):

    @torch.library.register_fake("graphkit::group_edges")
    def _group_edges_fake(index: Tensor, other: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        return index.new_empty(num_nodes + 1), index.new_empty(index.size(0))

    @torch.library.register_fake("graphkit::transpose_edges")
    def _transpose_edges_fake(ptr: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return ptr.new_empty(ptr.size(0)), other.new_empty(other.size(0))


def check_edges(edge_index: Tensor, device: torch.device) -> None:
    """Raises a ValueError unless ``edge_index`` is an integer tensor ``[2, E]`` on ``device``."""
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
    """Raises a ValueError if an edge names a node that does not exist, or the edges are not sorted as they say.

    Reads the edges, and waits for the device that they are on.
    """
    check_node_ids("edge_index", edge_index, num_nodes, "the features")
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col and has_values(edge_index):
        col = edge_index.as_tensor()[1]
        if bool((col[1:] < col[:-1]).any()):
            raise InputError(
                "`edge_index` must be sorted if it says so (got sort_order='col' with unsorted columns); "
                "sort it with `EdgeIndex(...).sort_by('col')`"
            )


def check_node_ids(name: str, index: Tensor, num_nodes: int, features: str) -> None:
    """Raises a ValueError if ``index`` names a node that does not exist. Waits for the device that it is on."""
    if index.numel() == 0 or not has_values(index):
        return
    plain = index.as_tensor() if isinstance(index, EdgeIndex) else index
    low, high = (int(end) for end in plain.aminmax())
    if low < 0 or high >= num_nodes:
        raise InputError(
            f"`{name}` must hold node ids from 0 to {num_nodes - 1}, one per row of {features} "
            f"(got ids from {low} to {high}); check the ids or the number of nodes"
        )
