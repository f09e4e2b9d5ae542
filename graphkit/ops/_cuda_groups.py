"""Grouping of edges and paths for the CUDA kernels, by PyTorch's stable sort.

During CUDA graph capture node ids are not validated: kernels replace or skip invalid ones.
"""

import torch
from torch import Tensor


def group_edges(index: Tensor, other: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Groups the edges ``(index[e], other[e])`` by ``index``, in stable order."""
    _check([index, other], num_nodes)
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
    _check([path_index], num_nodes)
    if max(num_nodes, path_index.size(1)) >= 2**31:
        raise RuntimeError("there must be < 2^31 nodes and paths")
    ptr, order = _group(path_index[-1], num_nodes)
    return ptr, torch.cat([path_index[:-1].index_select(1, order), order[None]]).int()


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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Computes the gradients of path attention over paths grouped by inner nodes."""
    count = paths.size(1)
    node_ptr, order = _group(paths[:-1].flatten(), h.size(0))
    path_of, step_of = (order % max(count, 1)).int(), (order // max(count, 1)).int()
    every = torch.arange(0, count + 1, max(count, 1), device=h.device) if count > 0 else node_ptr.new_zeros(2)
    groups = (ptr, paths, norms, node_ptr, path_of, step_of, every)
    return torch.ops.graphkit.path_attention_gradients(
        grad, grad_alpha, h, att, target, weight, *groups, mean, slope, weight_grad
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
    for function in (group_edges, transpose_edges, group_paths, path_attention_backward, edge_similarity_backward)
}


def _group(index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Returns the offsets of the groups and the order of their elements."""
    ordered, order = index.sort(stable=True)
    nodes = torch.arange(num_nodes + 1, device=index.device, dtype=index.dtype)
    return torch.searchsorted(ordered, nodes), order


def _check(indices: list[Tensor], num_nodes: int) -> None:
    indices = [index for index in indices if index.numel() > 0]
    if not indices or (indices[0].is_cuda and torch.cuda.is_current_stream_capturing()):
        return
    ends = torch.stack([end for index in indices for end in index.aminmax()]).tolist()
    if not 0 <= min(ends) <= max(ends) < num_nodes:
        raise RuntimeError("an edge or a path has an invalid node id")
