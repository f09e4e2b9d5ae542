"""What the loop goes through: pairs of a graph (or a batch of graphs) and the ids in it that count."""

from collections.abc import Iterator
from copy import copy

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset
from graphkit.loader import GraphLoader


class Batches:
    """The part of a data set that trains, selects or tests, as batches on a device.

    Args:
        dataset: The data set.
        ids: Ids of nodes if it is one graph, else of graphs.
        batch_size: Graphs in a batch; one graph is always one batch.
        device: Where the batches go.
        generator: If given, the graphs are shuffled with it in every pass.
    """

    def __init__(
        self,
        dataset: GraphDataset,
        ids: Tensor,
        batch_size: int,
        device: torch.device,
        generator: torch.Generator | None = None,
    ) -> None:
        self.device = device
        self.ids: Tensor | None = None
        self._graph: Data | None = None
        self._loader: GraphLoader | None = None
        if dataset.is_single_graph:
            self.ids = ids.to(device)
            self._graph = copy(dataset.graphs[0]).to(device)  # moving works in place: the data set's own graph stays
        else:
            self._loader = GraphLoader(dataset.graphs, ids, batch_size, generator is not None, generator)

    def __iter__(self) -> Iterator[tuple[Data, Tensor | None]]:
        if self._loader is None:
            yield self._graph, self.ids
        else:
            for batch in self._loader:
                yield copy(batch).to(self.device), None


def select(output: Tensor, y: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns the outputs and targets that count."""
    return (output, y) if ids is None else (output[ids], y[ids])
