"""Path utilities: attention costs, shortest paths, self loops and edges of paths."""

from collections.abc import Sequence

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


def path_attr_of(data: Data) -> list[Tensor]:
    """Returns the stored edge features of paths, ``path_attr_1`` and so on."""
    features = [data.get(f"path_attr_{hops}") for hops in range(1, len(paths_of(data)) + 1)]
    return [attr for attr in features if isinstance(attr, Tensor)]


def has_paths(data: Data) -> bool:
    """Returns whether a graph has stored paths, or the folder of a path set."""
    return "path_set" in data or bool(paths_of(data))


def put_paths(data: Data, paths: Sequence[Tensor], path_attr: Sequence[Tensor] = ()) -> Data:
    """Replaces the stored paths of a graph, and their edge features, in place."""
    for hops in range(1, len(paths_of(data)) + 1):
        for name in (f"path_index_{hops}", f"path_attr_{hops}"):
            if name in data:
                del data[name]
    for name, values in (("path_index", paths), ("path_attr", path_attr)):
        for hops, value in enumerate(values, start=1):
            data[f"{name}_{hops}"] = value
    return data


def with_self_loops(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Adds a self loop to every node without one.

    An :class:`~torch_geometric.EdgeIndex` sorted by column is returned as such.
    """
    return looped_edges(edge_index, num_nodes)[0]


def looped_edges(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Adds a self loop to every node without one, and returns edge ids too.

    The edge ids ``[1, E']`` are -1 for all self loops.
    """
    plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    row, col = plain[0], plain[1]
    missing = torch.ones(num_nodes, dtype=torch.bool, device=plain.device)
    missing[row[row == col]] = False
    edge_ids = torch.arange(row.numel(), device=plain.device).masked_fill(row == col, -1)
    if not bool(missing.any()):
        return edge_index, edge_ids[None]
    nodes = missing.nonzero().view(1, -1).expand(2, -1).to(plain.dtype)
    longer = torch.cat([plain, nodes], dim=1)
    edge_ids = torch.cat([edge_ids, edge_ids.new_full((nodes.size(1),), -1)])
    if isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col:
        order = longer[1].argsort(stable=True)
        longer, edge_ids = longer[:, order].contiguous(), edge_ids[order]
        longer = EdgeIndex(longer, sparse_size=(num_nodes, num_nodes), sort_order="col")
    return longer, edge_ids[None]


class EdgeLookup:
    """Lookup of the edges along paths, which sorts the edges once.

    Of parallel edges, the one of least cost is used, then the first.

    Args:
        edge_index (Tensor): Edges ``[2, E]`` of the graph.
        num_nodes (int): Number of nodes of the graph.
        cost (Tensor, optional): Cost ``[E]`` of each edge; all equal if ``None``. (default: ``None``)
    """

    def __init__(self, edge_index: Tensor, num_nodes: int, cost: Tensor | None = None) -> None:
        keys = edge_index[0].long() * num_nodes + edge_index[1]
        keys = keys.as_tensor() if isinstance(keys, EdgeIndex) else keys
        order = None if cost is None else cost.detach().argsort(stable=True)
        self.keys, self.order = torch.sort(keys if order is None else keys[order], stable=True)
        self.order = self.order if order is None else order[self.order]
        self.num_nodes = num_nodes

    def __call__(self, path_index: Tensor) -> Tensor:
        """Returns the edge ids ``[h, P]`` of paths ``[h + 1, P]``; -1 in self paths.

        Raises:
            InputError: If a hop of a path is not an edge.
        """
        path_index = path_index.long()
        wanted, moves = path_index[:-1] * self.num_nodes + path_index[1:], path_index[:-1] != path_index[1:]
        wanted = wanted.contiguous()
        if not self.keys.numel():
            edge_ids, missing = torch.full_like(wanted, -1), moves
        else:
            position = torch.searchsorted(self.keys, wanted).clamp(max=self.keys.numel() - 1)
            edge_ids, missing = self.order[position], (self.keys[position] != wanted) & moves
        if bool(missing.any()):
            raise InputError("every hop of `path_index` must be an edge of the graph (got one that is not)")
        return edge_ids.masked_fill(~moves, -1)


def path_edges(paths: Sequence[Tensor], edge_index: Tensor, num_nodes: int, cost: Tensor | None = None) -> list[Tensor]:
    """Returns the edge ids of paths of each length.

    Args:
        paths (Sequence[Tensor]): Paths of each length, far ends in the first row and attending nodes in the last one.
        edge_index (Tensor): Edges of the graph.
        num_nodes (int): Number of nodes of the graph.
        cost (Tensor, optional): Cost of each edge, by which one of parallel edges is chosen: the cheapest, or else the
            first. (default: ``None``)

    Shapes:
        - **input:** ``paths`` ``[h + 1, P_h]`` each, ``edge_index`` ``[2, E]``, ``cost`` ``[E]``.
        - **output:** positions in ``edge_index``, ``[h, P_h]`` each; -1 for the hops of self paths.

    Raises:
        InputError: If a hop of a path is not an edge.

    Example:
        >>> edge_index = torch.tensor([[0, 1], [1, 2]])
        >>> [ids.tolist() for ids in path_edges([torch.tensor([[0, 2], [1, 2], [2, 2]])], edge_index, 3)]
        [[[0, -1], [1, -1]]]
    """
    lookup = EdgeLookup(edge_index, num_nodes, cost)
    return [lookup(path_index) for path_index in paths]


def path_edge_attr(edge_attr: Tensor, path_edges: Sequence[Tensor]) -> list[Tensor]:
    """Returns the mean edge features along each path; zeros for self paths.

    Args:
        edge_attr (Tensor): Features of the edges; integers become floating-point numbers.
        path_edges (Sequence[Tensor]): Edge ids of the paths of each length, as :func:`path_edges` returns them.

    Shapes:
        - **input:** ``edge_attr`` ``[E, F]``, ``path_edges`` ``[h, P_h]`` each.
        - **output:** ``[P_h, F]`` each.

    Example:
        >>> path_edge_attr(torch.tensor([[1.0], [3.0]]), [torch.tensor([[0, -1], [1, -1]])])[0].tolist()
        [[2.0], [0.0]]
    """
    edge_attr = edge_attr if edge_attr.is_floating_point() else edge_attr.to(torch.get_default_dtype())
    edge_attr = edge_attr if edge_attr.size(0) else edge_attr.new_zeros(1, edge_attr.size(1))
    means = []
    for edge_ids in path_edges:
        rows = [edge_attr.index_select(0, row.clamp(min=0)).masked_fill((row < 0)[:, None], 0) for row in edge_ids]
        means.append(sum(rows[1:], start=rows[0]) / len(rows))
    return means


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
