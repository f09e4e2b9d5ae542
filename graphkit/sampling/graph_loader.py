"""Mini-batches of whole graphs, cut out of a collection by index arithmetic."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.state_key import StateKey
from graphkit.sampling.rank_slice import RankSlice, mark_padding


class GraphLoader:
    """Goes through the graphs of a collection in batches.

    Unlike a general data loader it needs no Python loop over the graphs of a batch and no worker processes. Batches
    that never change (``shuffle=False``) are made once and kept.

    Args:
        graphs: A :class:`~graphkit.data.GraphCollection`: anything with ``batch(ids) -> Data``.
        ids: ``[K]`` int64, the graphs to go through.
        batch_size: Number of graphs in a batch.
        shuffle: Whether every pass has another order.
        generator: Where the order is drawn from; its state is all that a pass depends on.
        share: Which part of each batch to make, where several processes go through the graphs together. Graphs are
            dealt out so that the parts are about as large. A batch that is only there to be computed along, because
            there are fewer graphs than processes, is marked by :func:`~graphkit.sampling.rank_slice.mark_padding`.
        sizes: ``[G]``, how much work each graph of the collection is; all the same by default.
    """

    def __init__(
        self,
        graphs: Any,
        ids: Tensor,
        batch_size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        share: RankSlice | None = None,
        sizes: Tensor | None = None,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1 (got {batch_size})")
        self.graphs = graphs
        self.ids = ids
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = generator
        self.share = share or RankSlice()
        self.sizes = sizes
        self._kept: tuple[Any, StateKey, list[Data]] | None = None

    def __len__(self) -> int:
        return len(self._split(self.ids))

    def __iter__(self) -> Iterator[Data]:
        if self.shuffle:
            order = torch.randperm(self.ids.numel(), generator=self.generator)
            return (self._make(ids) for ids in self._split(self.ids[order]))
        state = self._state()
        if self._kept is None or self._kept[0] is not self.graphs or not state.matches(self._kept[1]):
            self._kept = self.graphs, state, [self._make(ids) for ids in self._split(self.ids)]
        return iter(self._kept[2])

    def _state(self) -> StateKey:
        """Returns the state of all tensors that batches are made of: those that were made serve while it lasts."""
        parts: list[Any] = [self.ids, self.batch_size, self.sizes]
        for value in vars(self.graphs).values() if hasattr(self.graphs, "__dict__") else ():
            values = value.values() if isinstance(value, dict) else [value]
            parts += [tensor for tensor in values if isinstance(tensor, Tensor)]
        return StateKey(parts)

    def _make(self, ids: Tensor) -> Data:
        """Returns the own part of a batch."""
        local_ids, counts = self.local_items(ids)
        return mark_padding(self.graphs.batch(local_ids), counts)

    def local_items(self, ids: Tensor) -> tuple[Tensor, bool]:
        """Returns the graphs of the own part of a batch, and whether they count."""
        return self.share.item(ids, None if self.sizes is None else self.sizes[ids])

    def _split(self, ids: Tensor) -> list[Tensor]:
        """Cuts ids into batches; one that is left over joins the last batch, for batch norm cannot do with one node."""
        parts = list(ids.split(self.batch_size))
        if self.batch_size > 1 and len(parts) > 1 and parts[-1].numel() == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        return parts
