"""Sub-graphs of a large graph by PyG's sampler, which needs pyg-lib or torch-sparse."""

import warnings
from collections.abc import Sequence

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from graphkit.errors import MissingPackageError
from graphkit.sampling.csc_graph import check_ends
from graphkit.sampling.node_loader import SubgraphSampler


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
            self._loader = NeighborLoader(graph, counts, batch_size=1, is_sorted=is_sorted)

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
