"""Path utilities: attention costs, shortest paths, self loops and edges of paths."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.ops import shortest_paths


def attention_cost(attention: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""Converts attention coefficients to edge costs for shortest paths.

    .. math::
        c_{ij} = 1 - \frac{\bar{\alpha}_{ij}}{\max_{u \neq v} \bar{\alpha}_{uv}} \quad (i \neq j), \qquad c_{ii} = 1

    The edge with the largest attention has cost 0. The maximum is taken per graph, so that paths do not depend on the
    other graphs of a batch.

    Args:
        attention (Tensor): Non-negative attention :math:`\bar{\alpha}` of each edge, averaged over heads.
        edge_index (Tensor): Edges, row 0 = source :math:`j` and row 1 = target :math:`i`.
        batch (Tensor, optional): Graph of each node; a single graph if ``None``. (default: ``None``)

    Shapes:
        - **input:** ``attention`` ``[E]``, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``.
        - **output:** costs ``[E]`` in [0, 1].

    Example:
        >>> attention_cost(torch.tensor([0.5, 0.25]), torch.tensor([[0, 1], [1, 0]])).tolist()
        [0.0, 0.5]

    Reference:
        Yang, Wang, Song, Yuan and Tao, *SPAGAN: Shortest Path Graph Attention Network*, IJCAI 2019.

    Differences:
        The released code negates a dense matrix, sets its diagonal to zero and scales it to [0, 1], which divides by
        zero for a graph without edges. This is the closed form, which is defined there too.
    """
    row, col = edge_index[0], edge_index[1]
    between = attention.masked_fill(row == col, 0)
    graph = torch.zeros_like(col) if batch is None else batch[col]
    num_graphs = int(graph.max()) + 1 if graph.numel() else 0
    largest = attention.new_zeros(num_graphs).scatter_reduce(0, graph, between, "amax")
    # A ratio of exactly one gives a cost of exactly zero; where all attention is zero, every edge costs one.
    return 1 - between / largest.masked_fill(largest == 0, 1)[graph]


def weighted_paths(
    edge_index: Tensor,
    weight: Tensor | None,
    max_hops: int,
    ratio: float | None,
    num_nodes: int,
    name: str = "edge_weight",
) -> list[Tensor]:
    """Returns the shortest paths of each length, including self paths.

    Args:
        edge_index (Tensor): Edges, row 0 = source and row 1 = target.
        weight (Tensor): Length of each edge; 1 if ``None``.
        max_hops (int): Largest number of hops.
        ratio (float): Number of paths per node and length above one hop, relative to its degree; ``None`` for all
            paths.
        num_nodes (int): Number of nodes.
        name (str, optional): Name of the weight in error messages. (default: ``"edge_weight"``)

    Raises:
        InputError: If :func:`graphkit.ops.shortest_paths` rejects the arguments.
    """
    try:
        return shortest_paths(edge_index, weight, max_hops, num_nodes=num_nodes, ratio=ratio, self_paths=True)[0]
    except ValueError as error:  # the operator names its argument `cost`
        raise InputError(str(error).replace("`cost`", f"`{name}`")) from None


def paths_of(data: Data) -> list[Tensor]:
    """Returns the paths stored in a graph; empty if it has none.

    They are the attributes ``path_index_1``, ``path_index_2``, ...
    """
    paths: list[Tensor] = []
    while (path_index := data.get(f"path_index_{len(paths) + 1}")) is not None:
        paths.append(path_index)
    return paths


def has_paths(data: Data) -> bool:
    """Returns whether a graph has stored paths, or the folder of a path set."""
    return "path_set" in data or bool(paths_of(data))


def put_paths(data: Data, paths: list[Tensor]) -> Data:
    """Replaces the stored paths of a graph in place and returns the graph."""
    for hops in range(1, len(paths_of(data)) + 1):
        del data[f"path_index_{hops}"]
    for hops, path_index in enumerate(paths, start=1):
        data[f"path_index_{hops}"] = path_index
    return data


def with_self_loops(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Adds a self loop to every node without one.

    An :class:`~torch_geometric.EdgeIndex` sorted by column is returned as such.
    """
    row, col = edge_index[0], edge_index[1]
    missing = torch.ones(num_nodes, dtype=torch.bool, device=edge_index.device)
    missing[row[row == col]] = False
    if not bool(missing.any()):
        return edge_index
    nodes = missing.nonzero().view(1, -1).expand(2, -1).to(edge_index.dtype)
    longer = torch.cat([torch.stack([row, col]), nodes], dim=1)
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col:
        longer = longer[:, longer[1].argsort(stable=True)].contiguous()
        return EdgeIndex(longer, sparse_size=(num_nodes, num_nodes), sort_order="col")
    return longer


def edges_of_paths(path_index: Tensor, edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Returns the edge index of each hop of a set of paths.

    Args:
        path_index (Tensor): Paths, far ends in the first row and attending nodes in the last one.
        edge_index (Tensor): Edges of the graph; the first of parallel edges is used.
        num_nodes (int): Number of nodes of the graph.

    Shapes:
        - **input:** ``path_index`` ``[h + 1, P]``, ``edge_index`` ``[2, E]``.
        - **output:** positions ``[h, P]`` in ``edge_index``, and a mask ``[h, P]`` that is false for the hops of self
          paths, whose position is undefined.

    Raises:
        InputError: If a hop of a path is not an edge.
    """
    path_index = path_index.long()
    keys, order = torch.sort(edge_index[0].long() * num_nodes + edge_index[1], stable=True)
    wanted, moves = path_index[:-1] * num_nodes + path_index[1:], path_index[:-1] != path_index[1:]
    position = torch.searchsorted(keys, wanted).clamp(max=max(keys.numel() - 1, 0))
    if bool(moves.any()) and (keys.numel() == 0 or bool((keys[position] != wanted)[moves].any())):
        raise InputError("every hop of `path_index` must be an edge of the graph (got one that is not)")
    return order[position] if keys.numel() else position, moves


def lengths_of(data: Data, weight: str | None, reader: str) -> Tensor | None:
    """Returns the edge lengths ``[E]`` of a graph, or ``None`` if all are one.

    Args:
        data (Data): Graph.
        weight (str): Name of the attribute that holds the lengths; ``None`` for a length of 1.
        reader (str): Name of the caller in the error message.

    Raises:
        InputError: If the graph has no such attribute.
    """
    if weight is None:
        return None
    lengths = data.get(weight)
    if not isinstance(lengths, Tensor):
        raise InputError(
            f"{reader} needs lengths in `{weight}`, which the graph does not have; leave `weight` out for a length of 1"
        )
    return lengths.view(-1).to(lengths.dtype if lengths.is_floating_point() else torch.get_default_dtype())
