"""Union of the edges of several graphs on the same nodes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.distill.local_structure import plain_edges
from graphkit.errors import InputError
from graphkit.nn.edge_key import edge_key, merge_pairs


def union_edges(*edge_indices: Tensor, num_nodes: int) -> EdgeIndex:
    r"""Returns the union of the edges of several graphs on the same nodes.

    .. math::
        \mathcal{E} = \mathcal{E}^t \cup \mathcal{E}^s

    Args:
        edge_indices (Tensor): Edges of the graphs, in any order.
        num_nodes (int): Number of nodes :math:`N`.

    Shapes:
        - **input:** any number of ``[2, E]``.
        - **output:** an :class:`torch_geometric.EdgeIndex` ``[2, E']``, sorted by target and then by source.

    Raises:
        InputError: If there is no graph, or a node id is out of range.

    Example:
        >>> a, b = torch.tensor([[0], [1]]), torch.tensor([[0, 2], [1, 1]])
        >>> union_edges(a, b, num_nodes=3).as_tensor()
        tensor([[0, 2],
                [1, 1]])

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
    """Returns the union of edges for features of one or several copies of a graph.

    Args:
        edge_indices: Edges of the graphs.
        rows: Number of rows of the features.
        nodes: Number of nodes of one copy, for features of several copies of a graph; the edges are those of one copy.

    Shapes:
        - **input:** any number of ``[2, E]``.
        - **output:** ``[2, E']``, sorted by target.

    Raises:
        InputError: As :func:`union_edges`.
    """
    if nodes is None:
        union: Tensor = union_edges(*edge_indices, num_nodes=rows)
        return union
    edges: Tensor = union_edges(*edge_indices, num_nodes=nodes).as_tensor()
    shift = nodes * torch.arange(rows // max(1, nodes), device=edges.device)
    return (edges.unsqueeze(1) + shift.view(1, -1, 1)).flatten(1)
