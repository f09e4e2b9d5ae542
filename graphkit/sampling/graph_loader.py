"""Mini-batch loader of whole graphs, batched by index arithmetic."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.state_key import StateKey
from graphkit.sampling.rank_slice import RankSlice, mark_padding


class GraphLoader:
    """Mini-batch loader of the graphs of a collection.

    Batching needs neither a Python loop over graphs nor worker processes. Without shuffling, batches are built once and
    cached.

    Args:
        graphs (GraphCollection): Collection, or any object with ``batch(ids) -> Data``.
        ids (Tensor): ``[K]`` int64, ids of the graphs to iterate over.
        batch_size (int): Number of graphs per batch.
        shuffle (bool, optional): Draws a new order for each pass. (default: ``False``)
        generator (torch.Generator, optional): Source of the order; its state determines a pass. (default: PyTorch's
            global generator)
        share (RankSlice, optional): Slice of each batch for this rank. Ranks get about the same total size. A rank
            without graphs gets a batch that is marked by :func:`~graphkit.sampling.rank_slice.mark_padding`. (default:
            ``None``, the full batch)
        sizes (Tensor, optional): ``[G]``, size of each graph of the collection, for balancing. (default: ``None``,
            equal sizes)

    Raises:
        InputError: If ``batch_size`` is less than 1.
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
        """Returns a key of the collection's tensors, for which cached batches are valid."""
        parts: list[Any] = [self.ids, self.batch_size, self.sizes]
        for value in vars(self.graphs).values() if hasattr(self.graphs, "__dict__") else ():
            values = value.values() if isinstance(value, dict) else [value]
            parts += [tensor for tensor in values if isinstance(tensor, Tensor)]
        return StateKey(parts)

    def _make(self, ids: Tensor) -> Data:
        """Builds the local slice of a batch."""
        local_ids, counts = self.local_items(ids)
        return mark_padding(self.graphs.batch(local_ids), counts)

    def local_items(self, ids: Tensor) -> tuple[Tensor, bool]:
        """Returns the graph ids of the local slice of a batch, and ``False`` for padding."""
        return self.share.item(ids, None if self.sizes is None else self.sizes[ids])

    def _split(self, ids: Tensor) -> list[Tensor]:
        """Splits ids into batches.

        A single leftover joins the last batch, since batch norm needs two rows.
        """
        parts = list(ids.split(self.batch_size))
        if self.batch_size > 1 and len(parts) > 1 and parts[-1].numel() == 1:
            parts[-2:] = [torch.cat(parts[-2:])]
        return parts
