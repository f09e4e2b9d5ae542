"""Mini-batches of clips, cut out of a collection and augmented, in this process or by others ahead of time."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import Data

from graphkit.sampling.graph_loader import GraphLoader
from graphkit.sampling.rank_slice import RankSlice, mark_padding

#: What a worker is asked for: the clips of a batch, whether they count, and the seed of their augmentation.
Item = tuple[Tensor, bool, int]


class ClipLoader(GraphLoader):
    """Goes through the clips of a collection in batches.

    Each batch is augmented with a seed of its own, drawn from the generator: no two workers ever repeat each other, the
    batches do not depend on the number of workers, and the state of the generator is all that a pass depends on.

    Args:
        graphs: A :class:`~graphkit.data.ClipCollection`: anything with ``batch(ids, augment, generator) -> Data``.
        ids: ``[K]`` int64, the clips to go through.
        batch_size: Number of clips in a batch.
        shuffle: Whether every pass has another order.
        generator: Where the order and the seeds are drawn from.
        augment: What changes the clips of a batch; nothing by default.
        workers: Processes that make batches ahead of time; with 0 they are made when they are asked for.
        share: Which part of each batch to make, where several processes go through the clips together; each augments
            its part with a seed of its own.
    """

    def __init__(
        self,
        graphs: Any,
        ids: Tensor,
        batch_size: int,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        augment: Any = None,
        workers: int = 0,
        share: RankSlice | None = None,
    ) -> None:
        super().__init__(graphs, ids, batch_size, shuffle, generator, share, getattr(graphs, "lengths", None))
        self.augment = augment
        self.workers = workers

    def __iter__(self) -> Iterator[Data]:
        order = torch.randperm(self.ids.numel(), generator=self.generator) if self.shuffle else slice(None)
        parts = self._split(self.ids[order])
        seeds = [0] * len(parts)
        if self.augment is not None:
            seeds = torch.randint(2**62, (len(parts),), generator=self.generator).tolist()
        items = [(*self.local_items(ids), seed + self.share.rank) for ids, seed in zip(parts, seeds, strict=True)]
        made = _Made(self.graphs, self.augment)
        if not self.workers:
            return (made[item] for item in items)
        return iter(DataLoader(made, sampler=items, batch_size=None, num_workers=self.workers))  # type: ignore[arg-type]


class _Made(Dataset[Data]):
    """Makes a batch from its item."""

    def __init__(self, graphs: Any, augment: Any) -> None:
        self.graphs, self.augment = graphs, augment

    def __getitem__(self, item: Item) -> Data:
        ids, counts, seed = item
        batch = self.graphs.batch(ids, self.augment, torch.Generator().manual_seed(seed))
        return mark_padding(batch, counts)
