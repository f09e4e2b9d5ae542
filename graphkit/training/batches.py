"""What the loop goes through: pairs of a graph (or a batch of graphs) and the ids in it that count."""

from collections.abc import Iterator
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset
from graphkit.sampling import ClipLoader, GraphLoader, NodeLoader, RankSlice
from graphkit.sampling.rank_slice import is_padding

#: Graphs in a batch where nothing is said.
GRAPHS = 64


class Batches:
    """The part of a data set that trains, selects or tests, as batches on a device.

    Args:
        dataset: The data set.
        ids: Ids of nodes if it is one graph, else of graphs.
        batch_size: Graphs in a batch; ``None`` for 64.
        device: Where the batches go.
        generator: If given, the graphs are shuffled with it in every pass.
        augment: What changes clips at random, in the form of :func:`graphkit.skeleton.augment.build_augmentation`.
        workers: DistributedCommunicator that make batches of clips ahead of time.
        nodes: What cuts batches of nodes out of a single graph; without it the graph is one batch.
        share: Which part of each batch is this process's, where there are several. Where the graph is one batch, every
            process has all of it, and a part of the ids.
    """

    def __init__(
        self,
        dataset: GraphDataset,
        ids: Tensor,
        batch_size: int | None,
        device: torch.device,
        generator: torch.Generator | None = None,
        augment: Any = None,
        workers: int = 0,
        nodes: NodeLoader | None = None,
        share: RankSlice | None = None,
    ) -> None:
        self.device = device
        share = share or RankSlice()
        batch_size = GRAPHS if batch_size is None else batch_size
        self.ids: Tensor | None = None
        self._none = torch.empty(0, dtype=torch.long, device=device)
        self._graph: Data | None = None
        self._loader: GraphLoader | None = None
        self._nodes: NodeLoader | None = None
        if nodes is not None:
            self._nodes = nodes.over(ids, generator is not None, generator, share)
        elif dataset.is_single_graph:
            self.ids = share.of(ids).to(device)
            self._graph = copy(dataset.graphs[0]).to(device)  # moving works in place: the data set's own graph stays
        elif dataset.holds == "skeleton clips":
            shuffle = generator is not None
            self._loader = ClipLoader(dataset.graphs, ids, batch_size, shuffle, generator, augment, workers, share)
        else:
            shuffle = generator is not None
            self._loader = GraphLoader(dataset.graphs, ids, batch_size, shuffle, generator, share, dataset.sizes)

    def __iter__(self) -> Iterator[tuple[Data, Tensor | None]]:
        if self._nodes is not None:
            for batch in self._nodes:
                count = 0 if is_padding(batch) else batch.batch_size
                yield batch.to(self.device), torch.arange(count, device=self.device)
        elif self._loader is None:
            yield self._graph, self.ids
        else:
            for batch in self._loader:
                yield copy(batch).to(self.device), self._none if is_padding(batch) else None


def select(output: Tensor, y: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns the outputs and targets that count."""
    return (output, y) if ids is None else (output[ids], y[ids])
