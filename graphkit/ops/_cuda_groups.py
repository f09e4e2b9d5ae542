"""Grouping of edges and paths for the CUDA kernels, by PyTorch's stable sort.

During CUDA graph capture node ids are not validated: kernels replace or skip invalid ones.
"""

import torch
from torch import Tensor

_DROP, _REPLACE = 1, 2  # edges from a node to itself, as in the CPU operator


def group_edges(index: Tensor, other: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Groups the edges ``(index[e], other[e])`` by ``index``, in stable order."""
    _check((index, num_nodes), (other, num_nodes))
    ptr, order = _group(index, num_nodes)
    return ptr, other.index_select(0, order)


def transpose_edges(ptr: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Groups the same edges by their other end; ``ptr`` may be invalid."""
    edges = torch.arange(other.numel(), device=ptr.device)
    owner = torch.searchsorted(ptr, edges, right=True) - 1
    return group_edges(other, owner, ptr.numel() - 1)


def group_paths(path_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Groups paths by their last node.

    In the result, the last row holds the input positions of the paths.
    """
    _check((path_index, num_nodes))
    if max(num_nodes, path_index.size(1)) >= 2**31:
        raise RuntimeError("there must be < 2^31 nodes and paths")
    ptr, order = _group(path_index[-1], num_nodes)
    return ptr, torch.cat([path_index[:-1].index_select(1, order), order[None]]).int()


def group_neighbors(
    target: Tensor, source: Tensor, num_targets: int, num_sources: int, loops: int, places: bool
) -> tuple[Tensor, Tensor]:
    """Groups the edges ``source[e] -> target[e]`` by target, in stable order.

    Least work: two reads of the ids, to validate them and for the keys; a radix sort of keys of 32 bits with their
    order; a gather of the sources; one write of the rows. The operators that take the groups validate no ids.
    """
    count, common = target.numel(), min(num_targets, num_sources)
    if max(num_targets, num_sources, count + common) >= 2**31:
        raise RuntimeError("there must be < 2^31 nodes and edges")
    _check((target, num_targets), (source, num_sources))
    key = target
    if loops in (_DROP, _REPLACE):
        key = target.masked_fill(target == source, num_targets)  # the last ones, which no group holds
    if loops == _REPLACE:
        nodes = torch.arange(common, device=target.device)
        key, source = torch.cat([key, nodes]), torch.cat([source, nodes])
    ptr, order = _group(key.int(), num_targets)
    return ptr, _neighbor_rows(ptr, source.index_select(0, order), order if places else None)


def transpose_neighbors(ptr: Tensor, neighbors: Tensor, num_other: int) -> tuple[Tensor, Tensor]:
    """Groups the same edges by their other end; the numbers may be invalid."""
    edges = torch.arange(neighbors.size(0), device=ptr.device)
    owner = torch.searchsorted(ptr, edges, right=True) - 1
    other_ptr, order = _group(neighbors[:, 0].masked_fill(edges >= ptr[-1], num_other), num_other)
    places = neighbors[:, 1].index_select(0, order) if neighbors.size(1) == 2 else None
    return other_ptr, _neighbor_rows(other_ptr, owner.index_select(0, order), places)


def _neighbor_rows(ptr: Tensor, nodes: Tensor, places: Tensor | None) -> Tensor:
    """Returns other ends and places of grouped edges; zeros beyond the groups."""
    rows = nodes[:, None] if places is None else torch.stack([nodes, places], dim=1)
    beyond = torch.arange(nodes.numel(), device=ptr.device) >= ptr[-1]
    return rows.int().masked_fill_(beyond[:, None], 0)


def path_attention_backward(
    grad: Tensor,
    grad_alpha: Tensor | None,
    h: Tensor,
    att: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    paths: Tensor,
    out: Tensor,
    alpha: Tensor,
    norms: Tensor,
    mean: bool,
    slope: float,
    weight_grad: bool,
    term: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Computes the gradients of path attention over paths grouped by inner nodes."""
    count = paths.size(1)
    node_ptr, order = _group(paths[:-1].flatten(), h.size(0))
    path_of, step_of = (order % max(count, 1)).int(), (order // max(count, 1)).int()
    every = torch.arange(0, count + 1, max(count, 1), device=h.device) if count > 0 else node_ptr.new_zeros(2)
    groups = (ptr, paths, norms, node_ptr, path_of, step_of, every)
    return torch.ops.graphkit.path_attention_gradients(
        grad, grad_alpha, h, att, target, weight, *groups, mean, slope, weight_grad, term
    )


def edge_similarity_backward(grad: Tensor, z: Tensor, source: Tensor, target: Tensor, measure: int) -> Tensor:
    """Computes the gradient of edge similarity over edge ends grouped by node."""
    count = source.numel()
    ptr, order = _group(torch.cat([source, target]), z.size(0))
    other = torch.cat([target, source]).index_select(0, order)
    return torch.ops.graphkit.edge_similarity_gradient(grad, z, ptr, other, order % max(count, 1), measure)


#: Operators that are registered for CUDA tensors.
KERNELS = {
    function.__name__: function
    for function in (
        group_edges,
        transpose_edges,
        group_paths,
        group_neighbors,
        transpose_neighbors,
        path_attention_backward,
        edge_similarity_backward,
    )
}


def _group(index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Returns the offsets of the groups and the order of their elements."""
    ordered, order = index.sort(stable=True)
    nodes = torch.arange(num_nodes + 1, device=index.device, dtype=index.dtype)
    return torch.searchsorted(ordered, nodes), order


def _check(*bounded: tuple[Tensor, int]) -> None:
    """Raises an error for ids out of bounds in any tensor; synchronizes once."""
    bounded = tuple((index, bound) for index, bound in bounded if index.numel() > 0)
    if not bounded or (bounded[0][0].is_cuda and torch.cuda.is_current_stream_capturing()):
        return
    ends = [(*index.aminmax(), bound) for index, bound in bounded]
    room = torch.stack([number for low, high, bound in ends for number in (low, bound - 1 - high)])
    if min(room.tolist()) < 0:
        raise RuntimeError("an edge or a path has an invalid node id")
