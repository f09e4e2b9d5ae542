"""Mini-batch loader for path attention on large graphs."""

from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.sampling.node_loader import NodeLoader, check_counts
from graphkit.sampling.path_index import PathIndex
from graphkit.sampling.path_sampler import PathSampler


class ShortestPathLoader(NodeLoader):
    """Mini-batch loader with shortest paths for path attention, such as SPAGAN.

    A batch is a subgraph whose first ``batch_size`` nodes are the seeds; the others are in the receptive field of the
    seeds. The first ``path_layers`` layers of the model attend to shortest paths, the last ``num_layers - path_layers``
    layers pass messages along edges; :class:`~graphkit.nn.SPAGAN` has two layers, of which the first attends to paths.
    The subgraph contains all edges and paths that these layers need, so that the outputs for the seeds equal those on
    the full graph. Outputs for other nodes are not meaningful. Paths are those of :func:`graphkit.ops.shortest_paths`,
    computed for the required nodes only.

    Batches have the form of :class:`torch_geometric.loader.NeighborLoader`:

    * ``x``, ``y``, masks and all other node attributes, seeds first;
    * ``edge_index``, sorted by target, and all edge attributes;
    * ``path_index_1``, ``path_index_2``, ... as :class:`graphkit.transforms.ShortestPaths` returns them, with self
      paths, sorted by the last row; with ``edge_attr``, ``path_attr_1``, ``path_attr_2``, ..., the means of this
      attribute along the paths, see :func:`graphkit.nn.path_edge_attr`;
    * ``n_id`` and ``e_id``, ids of the nodes and edges in the full graph; ``input_id``, positions of the seeds in
      ``input_nodes``; ``batch_size``, the number of seeds.

    Args:
        data (Data): The graph. If it has ``path_index_*`` attributes, these are used instead of a search.
        batch_size (int, optional): Number of seeds per batch. (default: ``1024``)
        max_hops (int, optional): Largest number of hops of a path. (default: ``2``)
        ratio (float, optional): Number of cheapest paths kept per node and length above one hop, as a fraction of the
            degree; ``None`` for all. (default: ``1.0``)
        shuffle (bool, optional): Draws a new order of the seeds for each pass. (default: ``False``)
        num_workers (int, optional): Number of worker processes that prefetch batches; 0 makes batches on demand.
            (default: ``0``)
        input_nodes (Tensor, optional): Seeds, as ids ``[S]`` or as a mask ``[N]``. (default: ``None``, all nodes)
        weight (str, optional): Name of the attribute with non-negative edge lengths. (default: ``None``, length 1)
        num_layers (int, optional): Number of layers of the model. (default: ``2``)
        path_layers (int, optional): Number of path attention layers; with 0, batches have no paths. (default: ``1``)
        num_neighbors (int, optional): Edges sampled per node and batch in message-passing layers. (default: ``None``,
            all edges, with results as on the full graph)
        keep_paths (bool, optional): Finds the paths of all required nodes once and caches them, with 4 bytes per node
            of a path. (default: ``False``)
        generator (torch.Generator, optional): Source of the order and of the sampling seeds. (default: PyTorch's global
            generator)
        paths (PathIndex or str or Path, optional): Precomputed paths of this graph, or their folder. No search takes
            place, and ``max_hops``, ``ratio`` and ``weight`` are those of the path set. (default: ``None``)
        edge_attr (str, optional): Name of the edge features of path attention. (default: ``None``)

    Raises:
        FileNotFoundError: If ``paths`` is a folder without a complete path set.
        InputError: If ``paths`` belongs to another graph, an option is out of range, a node id does not exist, a seed
            is repeated, or a length is negative or not finite.

    Notes:
        All batches and workers share the graph, its CSC form (8 bytes per node, and 8 bytes per edge unless edges are
        sorted by target, as :func:`graphkit.data.load` returns them) and a relabeling table (4 bytes per node). With
        edge lengths, a search that covers more than half of the graph falls back to the full graph (about 80 bytes per
        edge).

        Batches do not depend on the number of workers. For inference, iterate over all nodes without ``shuffle`` and
            concatenate the outputs: ``torch.cat([model(**model.inputs(b))[: b.batch_size] for b in loader])``.

        Receptive fields of several layers overlap between batches. A pass takes longer than one full-graph step, if the
        full graph fits into memory.
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
        edge_attr: str | None = None,
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
        subgraphs = PathSampler(data, drawn, max_hops, ratio, weight, path_layers, keep_paths, path_index, edge_attr)
        super().__init__(subgraphs, batch_size, shuffle, num_workers, input_nodes, generator)
