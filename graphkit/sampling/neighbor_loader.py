"""Mini-batches of a graph that is too large for layers that look along edges."""

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
    """Returns whether pyg-lib is installed, whose sampler gives every edge the same chance; torch-sparse's does not."""
    return bool(torch_geometric.typing.WITH_PYG_LIB)


class PyGSampler(SubgraphSampler):
    """Cuts sub-graphs out of one graph; see :class:`~graphkit.sampling.NeighborLoader` for what they hold.

    Args:
        data: The graph.
        num_neighbors: How many edges into a node are drawn in each layer, from the last one back; ``None`` for all.

    Raises:
        ImportError: If neither pyg-lib nor torch-sparse is installed.
        ValueError: If an edge names a node that does not exist.
    """

    def __init__(self, data: Data, num_neighbors: Sequence[int | None]) -> None:
        if not has_pyg_sampler():
            raise MissingPackageError(
                "PyG's sampler needs pyg-lib or torch-sparse, and neither is installed; leave `engine` out, and the "
                "sampler of this package is used"
            )
        self.data = data
        self.num_nodes = int(data.num_nodes or 0)
        self.num_neighbors = tuple(num_neighbors)
        edges = data.edge_index
        plain = edges.as_tensor() if isinstance(edges, EdgeIndex) else edges
        check_ends(plain, self.num_nodes)
        graph = Data(**{**data.to_dict(), "edge_index": plain})  # its sampler reads no EdgeIndex
        graph.num_nodes = self.num_nodes
        counts = [-1 if most is None else most for most in num_neighbors]
        is_sorted = bool((plain[1, 1:] >= plain[1, :-1]).all())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*without a 'pyg-lib'")  # torch-sparse does as well
            self._loader = PyGNeighborLoader(graph, counts, batch_size=1, is_sorted=is_sorted)

    def drawing(self, num_neighbors: Sequence[int | None]) -> "PyGSampler":
        """Returns what cuts sub-graphs with other numbers of edges out of the same graph."""
        return PyGSampler(self.data, num_neighbors)

    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Data:
        """Returns the sub-graph of some seeds.

        Args:
            seeds: ``[B]`` int64, none of them twice.
            generator: What edges are drawn with.
        """
        with torch.random.fork_rng(devices=[]):  # the sampler draws from PyTorch's own generator
            if generator is not None:
                torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            batch = self._loader(seeds)
        batch.batch_size = seeds.numel()
        size = int(batch.num_nodes)
        if bool((batch.edge_index[1, 1:] >= batch.edge_index[1, :-1]).all()):  # as it is: it goes node by node
            batch.edge_index = EdgeIndex(batch.edge_index, sparse_size=(size, size), sort_order="col")
        return batch


class NeighborLoader(NodeLoader):
    r"""Goes through nodes of a large graph in batches, each with the neighbors that a model looks at.

    It has the arguments and the batches of PyG's :class:`~torch_geometric.loader.NeighborLoader` and does not need
    what that one needs: where pyg-lib is not installed, a sampler of its own cuts out the batches.

    A batch is a sub-graph: its first ``batch_size`` nodes are the seeds, the others are the neighbors of the seeds,
    their neighbors, and so on, as many times as ``num_neighbors`` has entries, which is as many as a model has layers.
    With -1 all neighbors are there: a model gives the seeds what it gives them on the whole graph, if all that it
    knows of other nodes are their features. A model that also divides by the *degrees* of nodes finds those of the
    outermost nodes too small. The models of this package do not: with
    ``NeighborLoader(model.prepare_for_sampling(data), ...)`` batches carry what must be known of the whole graph. What
    a model gives the nodes behind the seeds means nothing.

    * ``x``, ``y``, the masks and all else that the graph has for each node, of the nodes of the batch, seeds first;
    * ``edge_index``, sorted by target, and what the graph has for each edge;
    * ``n_id`` and ``e_id``, which nodes and edges of the graph these are, ``input_id``, the places of the seeds in
      ``input_nodes``, and ``batch_size``, how many seeds there are.

    Args:
        data: The graph.
        num_neighbors: How many edges into a node are drawn, for the seeds first, then for their neighbors, and so on;
            -1 for all. Nothing where a model looks at a node alone.
        input_nodes: The seeds, as ids ``[S]`` or as a mask ``[N]``; all nodes by default.
        batch_size: Number of seeds in a batch.
        shuffle: Whether every pass has another order of the seeds.
        num_workers: Processes that make batches ahead of time; with 0 they are made when they are asked for.
        generator: Where the order and the seeds of the batches are drawn from; by default PyTorch's own.
        engine: ``"pyg"`` for PyG's sampler, ``"own"`` for that of this package; by default PyG's where pyg-lib is
            installed. With torch-sparse, PyG's sampler works too, but of the edges into a node it draws some more often
            than others (the last one of a draw only where another comes twice), so that it has to be asked for.

    Raises:
        ValueError: If an option has no such value, an edge or a seed names a node that does not exist, or a seed comes
            twice.
        ImportError: If PyG's sampler is asked for and neither pyg-lib nor torch-sparse is installed.

    Notes:
        All batches share the graph as it was given, where the edges into each node are (8 bytes per node, and per edge
        unless edges are sorted by target, as :func:`graphkit.data.load` sorts them) and a table to number nodes in (4
        bytes per node). So do workers. What a batch needs beyond that depends on the batch. Edges are drawn without
        putting any back. Batches do not depend on the number of workers.

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
            engine = "pyg" if has_even_sampler() and most else "own"  # PyG's takes one layer at least
        subgraphs: SubgraphSampler = (
            PyGSampler(data, most) if engine == "pyg" else PathSampler(data, most, path_layers=0)
        )
        self.engine = engine
        super().__init__(subgraphs, batch_size, shuffle, num_workers, input_nodes, generator)
