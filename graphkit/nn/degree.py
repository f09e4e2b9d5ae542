"""Node degrees and degree normalization."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import degree

from graphkit.errors import InputError, InputTypeError


def in_degree(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns the in-degree of each node, self loops included, as ``[N]`` int64."""
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col:
        ptr = edge_index.get_indptr()
        if ptr.numel() == num_nodes + 1:  # shorter if `sparse_size` was not set
            return ptr.diff()
    return degree(edge_index[1], num_nodes, dtype=torch.long)


def check_edge_weight(edge_index: Tensor, edge_weight: Tensor | None) -> None:
    """Validates edge weights for normalization by degree.

    The degree of a node is the sum of the weights of its edges, and a layer divides by its square root: a weight that
    is negative, infinite or NaN makes every output NaN that it reaches.

    Args:
        edge_index (Tensor): Edges ``[2, E]``.
        edge_weight (Tensor): Edge weights ``[E]`` or ``[E, 1]``; ``None`` is valid.

    Raises:
        InputTypeError: If the weights are not a tensor of real numbers.
        InputError: If there is not one weight per edge, or a weight is negative or not finite; the message names the
            first such edge.
    """
    if edge_weight is None:
        return
    if not isinstance(edge_weight, Tensor) or edge_weight.is_complex():
        got = edge_weight.dtype if isinstance(edge_weight, Tensor) else type(edge_weight).__name__
        raise InputTypeError(f"expected `edge_weight` to be a tensor of real numbers, got {got}")
    num_edges = edge_index.size(1)
    if edge_weight.dim() == 0 or edge_weight.size(0) != num_edges or edge_weight.numel() != num_edges:
        raise InputError(
            f"expected `edge_weight` to hold one number for each of the {num_edges} edges, got shape "
            f"{list(edge_weight.shape)}; give it the shape [{num_edges}]"
        )
    weight = edge_weight.detach().reshape(-1)
    valid = (weight >= 0) & (weight < float("inf"))  # false for NaN
    if bool(valid.all()):
        return
    edge = int((~valid).nonzero()[0])
    source, target = int(edge_index[0, edge]), int(edge_index[1, edge])
    raise InputError(
        "expected `edge_weight` to be finite and at least 0 for a normalization by degree, got "
        f"{float(weight[edge]):g} for edge {edge} ({source} -> {target}); take the absolute value, or leave the "
        "weights out"
    )


class SubgraphContext(NamedTuple):
    """Properties of the full graph that a sampled subgraph needs.

    Args:
        degree (Tensor): In-degree ``[N]`` in the full graph of each node of the subgraph.
        num_nodes (int): Number of nodes of the full graph.
        seeds (int): Number of seed nodes, which come first.
    """

    degree: Tensor
    num_nodes: int
    seeds: int

    def scale(self, edge_index: Tensor, like: Tensor) -> Tensor:
        """Returns the scale ``[N]`` for unbiased sums over sampled in-edges.

        The scale of a node with ``k`` sampled of ``d`` in-edges is ``d / k``.
        """
        return self.degree.to(like.dtype) / in_degree(edge_index, like.size(0)).clamp(min=1).to(like.dtype)


def source_norm(edge_index: Tensor, like: Tensor, subgraph: SubgraphContext | None = None) -> Tensor:
    r"""Returns :math:`d_j^{-1/2}` of each node, ``[N]`` in the dtype of ``like``.

    The in-degrees :math:`d_j` are clamped to at least 1.
    """
    degree = in_degree(edge_index, like.size(0)) if subgraph is None else subgraph.degree
    return degree.clamp(min=1).to(like.dtype).rsqrt()
