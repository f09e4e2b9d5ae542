"""What path attention needs of a graph: costs from attention, the paths, self loops, and the edges of paths."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.ops import shortest_paths


def attention_cost(attention: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""Turns attention into what a node pays for reaching each of its neighbors.

    .. math::
        c_{ij} = 1 - \frac{\bar{\alpha}_{ij}}{\max_{u \neq v} \bar{\alpha}_{uv}} \quad (i \neq j), \qquad c_{ii} = 1

    The strongest edge between two nodes costs nothing. The largest attention is taken within each graph of a batch, so
    that the paths of a graph do not depend on its company.

    Args:
        attention: Attention :math:`\bar{\alpha}` of each edge, the mean of several heads; not negative.
        edge_index: Edges, row 0 = source :math:`j` and row 1 = target :math:`i`.
        batch: The graph of each node; nothing for a single graph.

    Shapes:
        - **input:** ``attention`` ``[E]``, ``edge_index`` ``[2, E]``, ``batch`` ``[N]``.
        - **output:** ``[E]``, between 0 and 1.

    Differences:
        This is the closed form of what the released code does to a dense matrix: negate, set the diagonal to zero,
        scale to [0, 1]. That divides by zero for a graph without an edge; here there is then nothing to scale.
    """
    row, col = edge_index[0], edge_index[1]
    between = attention.masked_fill(row == col, 0)
    graph = torch.zeros_like(col) if batch is None else batch[col]
    num_graphs = int(graph.max()) + 1 if graph.numel() else 0
    largest = attention.new_zeros(num_graphs).scatter_reduce(0, graph, between, "amax")
    # A share of exactly one is a cost of exactly zero; where all attention is zero, every edge costs one.
    return 1 - between / largest.masked_fill(largest == 0, 1)[graph]


def weighted_paths(
    edge_index: Tensor,
    weight: Tensor | None,
    max_hops: int,
    ratio: float | None,
    num_nodes: int,
    name: str = "edge_weight",
) -> list[Tensor]:
    """Returns the paths of each length, self paths included, as layers attend to them.

    Args:
        edge_index: Edges, row 0 = source and row 1 = target.
        weight: What it costs to go along each edge; nothing for 1.
        max_hops: Largest number of hops.
        ratio: Share of its degree that a node keeps of each length above one hop; ``None`` for all paths.
        num_nodes: Number of nodes.
        name: What the weight is called where it came from, for errors.

    Raises:
        ValueError: As :func:`graphkit.ops.shortest_paths` does.
    """
    try:
        return shortest_paths(edge_index, weight, max_hops, num_nodes=num_nodes, ratio=ratio, self_paths=True)[0]
    except ValueError as error:  # what the operator calls a cost is known by another name there
        raise InputError(str(error).replace("`cost`", f"`{name}`")) from None


def paths_of(data: Data) -> list[Tensor]:
    """Returns the paths that a graph carries as ``path_index_1``, ``path_index_2``, ...; empty if it has none."""
    paths: list[Tensor] = []
    while (path_index := data.get(f"path_index_{len(paths) + 1}")) is not None:
        paths.append(path_index)
    return paths


def has_paths(data: Data) -> bool:
    """Returns whether a graph carries paths, or names the folder of files that they are in."""
    return "path_set" in data or bool(paths_of(data))


def put_paths(data: Data, paths: list[Tensor]) -> Data:
    """Lets a graph carry these paths instead of those that it has; changes and returns the graph."""
    for hops in range(1, len(paths_of(data)) + 1):
        del data[f"path_index_{hops}"]
    for hops, path_index in enumerate(paths, start=1):
        data[f"path_index_{hops}"] = path_index
    return data


def with_self_loops(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns the edges and a self loop for every node that has none; the same tensor if all have one already.

    An :class:`~torch_geometric.EdgeIndex` that is sorted by column stays one.
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
    """Finds the edges that paths run along.

    Args:
        path_index: Paths, far ends in the first row and the attending nodes in the last one.
        edge_index: The edges of the graph; of parallel ones the first counts.
        num_nodes: Number of nodes of the graph.

    Shapes:
        - **input:** ``path_index`` ``[h + 1, P]``, ``edge_index`` ``[2, E]``.
        - **output:** ``[h, P]`` positions in ``edge_index``, and ``[h, P]`` bool, false where a hop stays on its node,
          as those of a self path do; the position there means nothing.

    Raises:
        ValueError: If a path takes a hop that is not an edge.
    """
    path_index = path_index.long()
    keys, order = torch.sort(edge_index[0].long() * num_nodes + edge_index[1], stable=True)
    wanted, moves = path_index[:-1] * num_nodes + path_index[1:], path_index[:-1] != path_index[1:]
    position = torch.searchsorted(keys, wanted).clamp(max=max(keys.numel() - 1, 0))
    if bool(moves.any()) and (keys.numel() == 0 or bool((keys[position] != wanted)[moves].any())):
        raise InputError("every hop of `path_index` must be an edge of the graph (got one that is not)")
    return order[position] if keys.numel() else position, moves


def lengths_of(data: Data, weight: str | None, reader: str) -> Tensor | None:
    """Returns the lengths of a graph's edges ``[E]``, ``None`` where all are one.

    Args:
        data: The graph.
        weight: Name of the attribute that holds them; ``None`` for a length of 1.
        reader: What needs them, for the error.

    Raises:
        ValueError: If the graph has no such attribute.
    """
    if weight is None:
        return None
    lengths = data.get(weight)
    if not isinstance(lengths, Tensor):
        raise InputError(
            f"{reader} needs lengths in `{weight}`, which the graph does not have; leave `weight` out for a length of 1"
        )
    return lengths.view(-1).to(lengths.dtype if lengths.is_floating_point() else torch.get_default_dtype())
