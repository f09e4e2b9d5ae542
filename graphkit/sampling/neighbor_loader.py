"""Neighbor sampling for mini-batches of a large graph."""

import warnings
from collections.abc import Sequence

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader as PyGNeighborLoader

from graphkit.errors import InputError, MissingPackageError
from graphkit.sampling.csc_graph import check_ends
from graphkit.sampling.node_loader import NodeLoader, SubgraphSampler, check_counts, check_neighbors
from graphkit.sampling.path_sampler import PathSampler

ENGINES = ("pyg", "own")


def has_pyg_sampler() -> bool:
    """Returns whether pyg-lib or torch-sparse is installed."""
    return has_even_sampler() or bool(torch_geometric.typing.WITH_TORCH_SPARSE)


def has_even_sampler() -> bool:
    """Returns whether pyg-lib, whose neighbor sampling is uniform, is installed."""
    return bool(torch_geometric.typing.WITH_PYG_LIB)


class PyGSampler(SubgraphSampler):
    """Neighbor sampler on top of PyG's sampler (pyg-lib or torch-sparse).

    Args:
        data (Data): The graph.
        num_neighbors (list[int | None]): Edges sampled per node in each layer, starting from the last layer; ``None``
            for all edges.

    Raises:
        MissingPackageError: If neither pyg-lib nor torch-sparse is installed.
        InputError: If an edge has a node id out of range.
    """

    def __init__(self, data: Data, num_neighbors: Sequence[int | None]) -> None:
        if not has_pyg_sampler():
            raise MissingPackageError(
                "PyG's sampler needs pyg-lib or torch-sparse, and neither is installed; leave `engine` out to use "
                "graphkit's sampler"
            )
        self.data = data
        self.num_nodes = int(data.num_nodes or 0)
        self.num_neighbors = tuple(num_neighbors)
        edges = data.edge_index
        plain = edges.as_tensor() if isinstance(edges, EdgeIndex) else edges
        check_ends(plain, self.num_nodes)
        graph = Data(**{**data.to_dict(), "edge_index": plain})  # PyG's sampler does not accept an EdgeIndex
        graph.num_nodes = self.num_nodes
        counts = [-1 if most is None else most for most in num_neighbors]
        is_sorted = bool((plain[1, 1:] >= plain[1, :-1]).all())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*without a 'pyg-lib'")  # torch-sparse is sufficient
            self._loader = PyGNeighborLoader(graph, counts, batch_size=1, is_sorted=is_sorted)

    def drawing(self, num_neighbors: Sequence[int | None]) -> "PyGSampler":
        """Returns a sampler of the same graph with other numbers of neighbors."""
        return PyGSampler(self.data, num_neighbors)

    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Data:
        """Samples the subgraph of some seed nodes.

        Args:
            seeds (Tensor): ``[B]`` int64, unique node ids.
            generator (torch.Generator, optional): Source of randomness. (default: PyTorch's global generator)
        """
        with torch.random.fork_rng(devices=[]):  # PyG's sampler uses PyTorch's global generator
            if generator is not None:
                torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            batch = self._loader(seeds)
        batch.batch_size = seeds.numel()
        size = int(batch.num_nodes)
        if bool((batch.edge_index[1, 1:] >= batch.edge_index[1, :-1]).all()):  # the usual case
            batch.edge_index = EdgeIndex(batch.edge_index, sparse_size=(size, size), sort_order="col")
        return batch


class NeighborLoader(NodeLoader):
    """Mini-batch loader with neighbor sampling, in the form of PyG's.

    Arguments and batches are those of :class:`torch_geometric.loader.NeighborLoader`. Without pyg-lib, graphkit's
    sampler is used.

    A batch is a subgraph. Its first ``batch_size`` nodes are the seeds; the others are sampled neighbors, with one
    entry of ``num_neighbors`` per layer of the model. With -1 all neighbors are included, and the outputs for the seeds
    equal those on the full graph if the model reads only features of other nodes. Models that normalize by *degree*
    need the degrees of the full graph for the outermost nodes: use ``NeighborLoader(model.prepare_for_sampling(data),
    ...)``. Outputs for nodes other than the seeds are not meaningful.

    A batch has these attributes:

    * ``x``, ``y``, masks and all other node attributes, seeds first;
    * ``edge_index``, sorted by target, and all edge attributes;
    * ``n_id`` and ``e_id``, ids of the nodes and edges in the full graph; ``input_id``, positions of the seeds in
      ``input_nodes``; ``batch_size``, the number of seeds;
    * ``num_sampled_nodes``, the number of new nodes at each distance from the seeds, in order. With it, models
      skip the outputs that no seed needs.

    Args:
        data (Data): The graph.
        num_neighbors (list[int]): Number of edges sampled per node, first for the seeds, then for their neighbors, and
            so on; -1 for all. Empty for models without message passing.
        input_nodes (Tensor, optional): Seeds, as ids ``[S]`` or as a mask ``[N]``. (default: ``None``, all nodes)
        batch_size (int, optional): Number of seeds per batch. (default: ``1``)
        shuffle (bool, optional): Draws a new order of the seeds for each pass. (default: ``False``)
        num_workers (int, optional): Number of worker processes that prefetch batches; 0 makes batches on demand.
            (default: ``0``)
        generator (torch.Generator, optional): Source of the order and of the sampling seeds. (default: PyTorch's global
            generator)
        engine (str, optional): ``"pyg"`` for PyG's sampler, ``"own"`` for graphkit's. With torch-sparse, PyG's sampler
            must be requested explicitly, since it does not sample edges uniformly. (default: ``"pyg"`` if pyg-lib is
            installed, else ``"own"``)

    Raises:
        InputError: If an option is out of range, a node id does not exist, or a seed is repeated.
        MissingPackageError: If PyG's sampler is requested and neither pyg-lib nor torch-sparse is installed.

    Notes:
        All batches and workers share the graph, its CSC form (8 bytes per node, and 8 bytes per edge unless edges are
        sorted by target, as :func:`graphkit.data.load` returns them) and a relabeling table (4 bytes per node). Edges
        are sampled without replacement. Batches do not depend on the number of workers.

    Reference:
        Hamilton, Ying and Leskovec, *Inductive Representation Learning on Large Graphs*, NeurIPS 2017.
    """

    def __init__(
        self,
        data: Data,
        num_neighbors: Sequence[int],
        input_nodes: Tensor | None = None,
        batch_size: int = 1,
        shuffle: bool = False,
        num_workers: int = 0,
        generator: torch.Generator | None = None,
        engine: str | None = None,
    ) -> None:
        most = check_neighbors(num_neighbors)
        if engine not in (None, *ENGINES):
            raise InputError(f"`engine` must be one of {', '.join(ENGINES)}, or None (got {engine!r})")
        check_counts(batch_size=batch_size)
        if engine is None:
            engine = "pyg" if has_even_sampler() and most else "own"  # PyG's sampler needs at least one layer
        subgraphs: SubgraphSampler = (
            PyGSampler(data, most) if engine == "pyg" else PathSampler(data, most, path_layers=0)
        )
        self.engine = engine
        super().__init__(subgraphs, batch_size, shuffle, num_workers, input_nodes, generator)
