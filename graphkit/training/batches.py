"""Batches of the items of a split, on a device."""

from collections.abc import Iterator
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset
from graphkit.data.link_dataset import LinkDataset
from graphkit.sampling import ClipLoader, GraphLoader, NodeLoader, RankSlice
from graphkit.sampling.link_loader import LinkLoader
from graphkit.sampling.rank_slice import is_padding

#: Default number of graphs in a batch.
GRAPHS = 64


class Batches:
    """Iterable of the batches of some items, on a device.

    It yields pairs of a graph, or a batch of graphs, and the ids of its items; ``None`` for all of them.

    Args:
        dataset: The data set.
        ids: Ids of nodes for a single graph, else of graphs.
        batch_size: Graphs in a batch; ``None`` for 64.
        device: Device of the batches.
        generator: Generator that shuffles the items in every epoch; ``None`` for no shuffle.
        augment: Augmentation of clips, from :func:`graphkit.skeleton.augment.build_augmentation`.
        workers: Processes that prepare batches of clips in advance.
        nodes: Loader of batches of nodes of a single graph; ``None`` for one batch.
        share: Slice of each batch for this rank. If the graph is one batch, every rank has the whole graph and a slice
            of the ids.
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
        self._links: LinkLoader | None = None
        if dataset.level == "link":
            self._links = LinkLoader(cast(LinkDataset, dataset), ids, batch_size, generator, nodes, share, device)
        elif nodes is not None:
            self._nodes = nodes.over(ids, generator is not None, generator, share)
        elif dataset.is_single_graph:
            self.ids = share.of(ids).to(device)
            self._graph = copy(dataset.graphs[0]).to(device)  # `Data.to` is in-place; the data set is not moved
        elif dataset.holds == "skeleton clips":
            shuffle = generator is not None
            self._loader = ClipLoader(dataset.graphs, ids, batch_size, shuffle, generator, augment, workers, share)
        else:
            shuffle = generator is not None
            self._loader = GraphLoader(dataset.graphs, ids, batch_size, shuffle, generator, share, dataset.sizes)

    def __iter__(self) -> Iterator[tuple[Data, Tensor | None]]:
        if self._links is not None:
            for batch in self._links:
                yield batch.to(self.device), self._none if is_padding(batch) else None
        elif self._nodes is not None:
            for batch in self._nodes:
                count = 0 if is_padding(batch) else batch.batch_size
                yield batch.to(self.device), torch.arange(count, device=self.device)
        elif self._loader is None:
            yield self._graph, self.ids
        else:
            for batch in self._loader:
                yield copy(batch).to(self.device), self._none if is_padding(batch) else None


def select(output: Tensor, y: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns the outputs and targets of the items of a batch."""
    return (output, y) if ids is None else (output[ids], y[ids])
