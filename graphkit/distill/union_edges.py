"""The edges over which the structures of two networks are compared, where their graphs differ."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.distill.local_structure import plain_edges
from graphkit.errors import InputError
from graphkit.nn.edge_key import edge_key, merge_pairs


def union_edges(*edge_indices: Tensor, num_nodes: int) -> EdgeIndex:
    r"""Returns the edges that are in any of several graphs on the same nodes, each of them once.

    .. math::
        \mathcal{E} = \mathcal{E}^t \cup \mathcal{E}^s

    Similarities along edges that one of two networks does not have are computed from its features all the same.

    Args:
        edge_indices: Edges of the graphs, in any order.
        num_nodes: Number of nodes :math:`N`.

    Shapes:
        - **input:** any number of ``[2, E]``.
        - **output:** an :class:`torch_geometric.EdgeIndex` ``[2, E']``, sorted by target and then by source.

    Raises:
        ValueError: If there is no graph, or an edge names a node that does not exist.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020 (dynamic graphs).
    """
    if not edge_indices:
        raise InputError("a union needs the edges of at least one graph (got none)")
    edges = torch.cat([plain_edges(edge_index).long() for edge_index in edge_indices], dim=1)
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= num_nodes):
        raise InputError(
            f"edges must hold node ids from 0 to {num_nodes - 1} (got ids from {int(edges.min())} to "
            f"{int(edges.max())}); both graphs must have the same nodes"
        )
    keys = edge_key(edges[1], edges[0])
    if bool((keys[1:] <= keys[:-1]).any()):
        edges = edges[:, merge_pairs(edges[1], edges[0])[0]]
    return EdgeIndex(edges.contiguous(), sparse_size=(num_nodes, num_nodes), sort_order="col")


def united_edges(edge_indices: Sequence[Tensor], rows: int, nodes: int | None = None) -> Tensor:
    """Returns the union of several graphs on the nodes of some features.

    Args:
        edge_indices: Edges of the graphs.
        rows: Number of rows of the features.
        nodes: Where the features are those of copies of one graph, one below the other, the number of its nodes; the
            edges are then those of one copy.

    Shapes:
        - **input:** any number of ``[2, E]``.
        - **output:** ``[2, E']``, sorted by target.

    Raises:
        ValueError: As :func:`union_edges`.
    """
    if nodes is None:
        union: Tensor = union_edges(*edge_indices, num_nodes=rows)
        return union
    edges: Tensor = union_edges(*edge_indices, num_nodes=nodes).as_tensor()
    shift = nodes * torch.arange(rows // max(1, nodes), device=edges.device)
    return (edges.unsqueeze(1) + shift.view(1, -1, 1)).flatten(1)
