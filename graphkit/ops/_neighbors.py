"""Edges grouped by target and by source, with their places in the input."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from torch_geometric import EdgeIndex

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._edges import edge_state
from graphkit.ops._native import has_native

KEEP, DROP, REPLACE = 0, 1, 2  # what happens to edges from a node to itself


class Neighbors(NamedTuple):
    """Edges grouped by target and optionally by source.

    Args:
        ptr (Tensor): Offsets ``[N + 1]``: the edges into node ``i`` are ``ptr[i]`` to ``ptr[i + 1] - 1``.
        rows (Tensor): Sources of the edges grouped by target, int32 ``[E, 1]``; ``[E, 2]`` with the places of the edges
            in the input.
        other_ptr (Tensor): Offsets of the edges out of each source.
        other_rows (Tensor): Targets of the edges grouped by source, with their places.
    """

    ptr: Tensor
    rows: Tensor
    other_ptr: Tensor | None = None
    other_rows: Tensor | None = None

    def degrees(self) -> Tensor:
        """Returns the number of edges into each node."""
        return self.ptr.diff()


# Cache of the groups of an `EdgeIndex`, which the layers of a model share. It is tied to the object, not to an address,
# and freed with it. Attributes of the tensor would be copied by `copy.deepcopy`, to which edges of another version may
# belong, and written by `torch.save`. PyG's cache (`_indptr`, `_T_perm`) is not used: it stays as it is when the edges
# change in place, and grouping edges that are sorted takes little longer than reading them. Plain tensors are not
# cached: changes through a NumPy array that shares their memory cannot be detected.
_groups: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def group_neighbors(
    edge_index: Tensor,
    num_sources: int,
    num_targets: int,
    both_ways: bool,
    loops: int = KEEP,
    places: bool = False,
) -> Neighbors:
    """Groups edges by target and optionally by source, in stable order.

    For a plain tensor, the grouping by source is deferred to the backward pass.

    Args:
        edge_index (Tensor): Edges, row 0 = source and row 1 = target.
        num_sources (int): Number of source nodes.
        num_targets (int): Number of target nodes.
        both_ways (bool): If ``True``, also groups the edges of an ``EdgeIndex`` by source.
        loops (int, optional): :data:`KEEP`, :data:`DROP` or :data:`REPLACE` edges from a node to itself; replacements
            are one edge per node, with the places ``E``, ``E + 1``, ... (default: :data:`KEEP`)
        places (bool, optional): If ``True``, also returns the places of the edges, which weights need.
            (default: ``False``)
    """
    if torch.compiler.is_compiling() or not isinstance(edge_index, EdgeIndex):
        return _group(edge_index, num_sources, num_targets, loops, places)
    state = edge_state(edge_index)
    old_state, groups = _groups.get(edge_index, (None, {}))
    if old_state != state or None in state:
        groups = {}
    key = (num_sources, num_targets, loops, places)
    edges = groups.get(key)
    if edges is None:
        edges = _group(edge_index.as_tensor(), num_sources, num_targets, loops, places)
    if both_ways and edges.other_ptr is None:
        edges = Neighbors(edges.ptr, edges.rows, *transposed(edges.ptr, edges.rows, num_sources))
    groups[key] = edges
    _groups[edge_index] = (state, groups)
    return edges


def transposed(ptr: Tensor, rows: Tensor, num_sources: Any) -> tuple[Tensor, Tensor]:
    """Returns the edges by source, given those by target."""
    return call_native(torch.ops.graphkit.transpose_neighbors, ptr, rows, num_sources)


def _group(edge_index: Tensor, num_sources: int, num_targets: int, loops: int, places: bool) -> Neighbors:
    source, target = edge_index[0].long(), edge_index[1].long()
    group = torch.ops.graphkit.group_neighbors
    return Neighbors(*call_native(group, target, source, num_targets, num_sources, loops, places))


if has_native("group_neighbors"):

    @register_fake("group_neighbors")
    def _group_fake(
        target: Tensor, source: Tensor, num_targets: int, num_sources: int, loops: int, places: bool
    ) -> tuple[Tensor, Tensor]:
        extra = torch.sym_min(num_targets, num_sources) if loops == REPLACE else 0
        rows = target.new_empty(target.size(0) + extra, 2 if places else 1, dtype=torch.int32)
        return target.new_empty(num_targets + 1), rows

    @register_fake("transpose_neighbors")
    def _transpose_fake(ptr: Tensor, neighbors: Tensor, num_other: int) -> tuple[Tensor, Tensor]:
        return ptr.new_empty(num_other + 1), neighbors.new_empty(neighbors.shape)
