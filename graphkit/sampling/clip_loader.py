"""Mini-batch loader of skeleton clips with augmentation and worker processes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import Data

from graphkit.sampling.graph_loader import GraphLoader
from graphkit.sampling.rank_slice import RankSlice, mark_padding

#: Request to a worker: clip ids of a batch, ``False`` for padding, seed of the augmentation.
Item = tuple[Tensor, bool, int]


class ClipLoader(GraphLoader):
    """Mini-batch loader of the clips of a collection, with optional augmentation.

    The augmentation of each batch has its own seed, drawn from ``generator``. Batches therefore do not depend on the
    number of workers, and a pass is determined by the state of the generator.

    Args:
        graphs (ClipCollection): Collection, or any object with ``batch(ids, augment, generator) -> Data``.
        ids (Tensor): ``[K]`` int64, ids of the clips to iterate over.
        batch_size (int): Number of clips per batch.
        shuffle (bool, optional): Draws a new order for each pass. (default: ``False``)
        generator (torch.Generator, optional): Source of the order and of the seeds. (default: PyTorch's global
            generator)
        augment (callable, optional): Augmentation of the clips of a batch. (default: ``None``)
        workers (int, optional): Number of worker processes that prefetch batches; 0 makes batches on demand. (default:
            ``0``)
        share (RankSlice, optional): Slice of each batch for this rank. The augmentation seed differs between ranks.
            (default: ``None``, the full batch)
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
    """Data set that maps a request to a batch of clips."""

    def __init__(self, graphs: Any, augment: Any) -> None:
        self.graphs, self.augment = graphs, augment

    def __getitem__(self, item: Item) -> Data:
        ids, counts, seed = item
        batch = self.graphs.batch(ids, self.augment, torch.Generator().manual_seed(seed))
        return mark_padding(batch, counts)
