"""Mini-batches of a graph that is too large to attend to all its paths at once."""

from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.sampling.node_loader import NodeLoader, check_counts
from graphkit.sampling.path_index import PathIndex
from graphkit.sampling.path_sampler import PathSampler


class ShortestPathLoader(NodeLoader):
    r"""Goes through nodes of a large graph in batches, each with all that path attention needs of the graph for them.

    A batch is a sub-graph: its first ``batch_size`` nodes are the seeds, the others are what the seeds look at, through
    all layers of a model. The last ``num_layers - path_layers`` layers look along edges, the first ``path_layers``
    along the shortest paths; :class:`~graphkit.nn.SPAGAN` has two layers, the first of them along paths. The sub-graph
    holds every edge into the nodes that the former attend from, and every path of those that the latter attend from,
    found by :func:`graphkit.ops.shortest_paths` for these nodes alone. So a model gives the seeds what it gives them on
    the whole graph; what it gives the other nodes means nothing.

    Batches follow PyG's :class:`~torch_geometric.loader.NeighborLoader`, which this takes the place of:

    * ``x``, ``y``, the masks and all else that the graph has for each node, of the nodes of the batch, seeds first;
    * ``edge_index``, sorted by target, and what the graph has for each edge;
    * ``path_index_1``, ``path_index_2``, ... as :class:`graphkit.transforms.ShortestPaths` makes them, with self paths,
      sorted by the last row;
    * ``n_id`` and ``e_id``, which nodes and edges of the graph these are, ``input_id``, the places of the seeds in
      ``input_nodes``, and ``batch_size``, how many seeds there are.

    Args:
        data: The graph. If it carries paths already, those are used and none are found.
        batch_size: Number of seeds in a batch.
        max_hops: Largest number of hops of a path.
        ratio: How many of its cheapest paths a node keeps of each length above one hop, as a share of its degree;
            ``None`` for all.
        shuffle: Whether every pass has another order of the seeds.
        num_workers: Processes that make batches ahead of time; with 0 they are made when they are asked for.
        input_nodes: The seeds, as ids ``[S]`` or as a mask ``[N]``; all nodes by default.
        weight: Name of the attribute with the length of each edge, zero or more; by default all have the length 1.
        num_layers: Number of layers of the model.
        path_layers: How many of them, from the first one, attend to paths. With 0 batches carry no paths.
        num_neighbors: How many edges, drawn at random in each batch, a node keeps in the layers that look along edges;
            ``None`` for all of them, and results as on the whole graph.
        keep_paths: Whether paths are found once, for all nodes that any batch needs, and kept, with 4 bytes per node of
            a path. By default those of a batch are found with it and forgotten.
        generator: Where the order and the seeds of the batches are drawn from; by default PyTorch's own.
        paths: A :class:`~graphkit.sampling.PathIndex` of this graph, or its folder, from which each batch reads its
            paths; none are found then, and ``max_hops``, ``ratio`` and ``weight`` are those of the set.

    Raises:
        FileNotFoundError: If ``paths`` is a folder without a whole path set.
        ValueError: If ``paths`` are those of another graph, an option has no such value, an edge, a path or a seed
            names a node that does not exist, a seed comes twice, or a length is negative, infinite or not a number.

    Notes:
        All batches share the graph as it was given, where the edges into each node are (8 bytes per node, and per edge
        unless edges are sorted by target, as :func:`graphkit.data.load` sorts them) and a table to number nodes in (4
        bytes per node). So do workers. What a batch needs beyond that depends on the batch, with one exception: where
        edges have lengths and the ways round that paths have to be compared with lead through more than half of the
        graph, the search takes the whole graph for a moment (about 80 bytes per edge).

        Batches do not depend on the number of workers. For inference, go through all nodes without ``shuffle`` and put
        the outputs together: ``torch.cat([model(**model.inputs(b))[: b.batch_size] for b in loader])``.

        Looking through several layers, seeds see much of a graph without far-away parts: batches overlap, and a pass
        takes longer than one step on the whole graph, where that fits into memory.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int = 1024,
        max_hops: int = 2,
        ratio: float | None = 1.0,
        shuffle: bool = False,
        num_workers: int = 0,
        input_nodes: Tensor | None = None,
        weight: str | None = None,
        num_layers: int = 2,
        path_layers: int = 1,
        num_neighbors: int | None = None,
        keep_paths: bool = False,
        generator: torch.Generator | None = None,
        paths: PathIndex | str | Path | None = None,
    ) -> None:
        counts = {"max_hops": max_hops, "num_layers": num_layers}
        if num_neighbors is not None:
            counts["num_neighbors"] = num_neighbors
        check_counts(batch_size=batch_size, **counts)
        if not 0 <= path_layers <= num_layers:
            raise InputError(f"`path_layers` must be from 0 to the {num_layers} layers there are (got {path_layers})")
        if ratio is not None and not 0 < ratio < float("inf"):
            raise InputError(f"`ratio` must be greater than 0 and finite, or None for all paths (got {ratio})")
        drawn = [num_neighbors] * (num_layers - path_layers)
        path_index = PathIndex(paths) if isinstance(paths, str | Path) else paths
        subgraphs = PathSampler(data, drawn, max_hops, ratio, weight, path_layers, keep_paths, path_index)
        super().__init__(subgraphs, batch_size, shuffle, num_workers, input_nodes, generator)
