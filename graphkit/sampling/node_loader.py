"""Base classes of subgraph samplers and of node loaders."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.sampling.rank_slice import RankSlice, mark_padding

Self = TypeVar("Self", bound="NodeLoader")


class SubgraphSampler(ABC):
    """Base class of samplers that return the subgraph of some seed nodes."""

    data: Data
    num_nodes: int
    #: Edges sampled per node in each message-passing layer, starting from the last layer; ``None`` for all edges.
    num_neighbors: tuple[int | None, ...]

    @property
    def draws(self) -> bool:
        """Returns whether sampling is random."""
        return any(most is not None for most in self.num_neighbors)

    @abstractmethod
    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Data:
        """Returns the subgraph of unique seeds ``[B]``, which are its first nodes."""

    @abstractmethod
    def drawing(self, num_neighbors: Sequence[int | None]) -> "SubgraphSampler":
        """Returns a sampler with other numbers of neighbors that shares graph and caches."""

    def keep(self, seeds: Tensor) -> None:  # noqa: B027, optional method
        """Precomputes and caches data for the subgraphs of these seeds, if supported."""


class NodeLoader:
    """Mini-batch loader of the nodes of one graph.

    Args:
        subgraphs (SubgraphSampler): Sampler of the batches.
        batch_size (int): Number of seeds per batch.
        shuffle (bool, optional): Draws a new order of the seeds for each pass. (default: ``False``)
        num_workers (int, optional): Number of worker processes that prefetch batches; 0 makes batches on demand.
            (default: ``0``)
        input_nodes (Tensor, optional): Seeds, as ids ``[S]`` or as a mask ``[N]``. (default: ``None``, all nodes)
        generator (torch.Generator, optional): Source of the order and of the sampling seeds. (default: PyTorch's global
            generator)

    Raises:
        InputError: If an option is out of range, or a seed does not exist or is repeated.
    """

    def __init__(
        self,
        subgraphs: SubgraphSampler,
        batch_size: int,
        shuffle: bool = False,
        num_workers: int = 0,
        input_nodes: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        check_counts(batch_size=batch_size)
        if num_workers < 0:
            raise InputError(f"`num_workers` must not be negative (got {num_workers})")
        self.subgraphs = subgraphs
        self.batch_size, self.shuffle, self.num_workers, self.generator = batch_size, shuffle, num_workers, generator
        self.input_nodes = _seeds(input_nodes, subgraphs.num_nodes)
        self.share = RankSlice()

    def over(
        self: Self,
        input_nodes: Tensor | None = None,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        share: RankSlice | None = None,
    ) -> Self:
        """Returns a loader over other seeds that shares the graph and its caches.

        Args:
            input_nodes (Tensor, optional): Seeds, as ids ``[S]`` or as a mask ``[N]``. (default: ``None``, all nodes)
            shuffle (bool, optional): Draws a new order of the seeds for each pass. (default: ``False``)
            generator (torch.Generator, optional): Source of the order and of the sampling seeds. (default: PyTorch's
                global generator)
            share (RankSlice, optional): Slice of the seeds of each batch for this rank. A rank without seeds gets a
                batch that is marked by :func:`~graphkit.sampling.rank_slice.mark_padding`. (default: ``None``, the full
                batch)
        """
        other = copy(self)
        other.share = share or RankSlice()
        other.input_nodes = _seeds(input_nodes, self.subgraphs.num_nodes)
        other.shuffle, other.generator = shuffle, generator
        return other

    def drawing(self: Self, num_neighbors: Sequence[int]) -> Self:
        """Returns a loader over the same seeds with other numbers of neighbors.

        Args:
            num_neighbors (list[int]): Edges sampled per node in each message-passing layer, starting from the last
                layer; -1 for all.

        Raises:
            InputError: If the number of entries differs from the number of layers, or an entry is neither -1 nor at
                least 1.
        """
        most, layers = check_neighbors(num_neighbors), len(self.subgraphs.num_neighbors)
        if len(most) != layers:
            what = f"got {list(num_neighbors)}"
            raise InputError(f"`num_neighbors` must have one number for each of the {layers} layers ({what})")
        other = copy(self)
        other.subgraphs = self.subgraphs.drawing(most)
        return other

    def __len__(self) -> int:
        return -(-self.input_nodes.numel() // self.batch_size)

    def __iter__(self) -> Iterator[Data]:
        self.subgraphs.keep(self.input_nodes)  # in the main process: the caches of workers are discarded
        count = self.input_nodes.numel()
        order = torch.randperm(count, generator=self.generator) if self.shuffle else torch.arange(count)
        parts = list(order.split(self.batch_size)) if count else []
        seeds = [0] * (len(parts) + 1)
        if self.subgraphs.draws:  # one seed per batch, independent of the number of workers
            seeds = torch.randint(2**62, (len(parts) + 1,), generator=self.generator).tolist()
        items = [(*self.share.item(ids), seed + self.share.rank) for ids, seed in zip(parts, seeds, strict=False)]
        made = _Made(self.subgraphs, self.input_nodes)
        if not self.num_workers:
            return (made[item] for item in items)
        rng = torch.Generator().manual_seed(seeds[-1])  # keeps PyTorch's global generator unchanged
        loader = DataLoader(made, sampler=items, batch_size=None, num_workers=self.num_workers, generator=rng)  # type: ignore[arg-type]
        return iter(loader)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_nodes.numel()} seeds, batch_size={self.batch_size})"


class _Made(Dataset[Data]):
    """Data set that maps seed positions and a random seed to a batch."""

    def __init__(self, subgraphs: SubgraphSampler, input_nodes: Tensor) -> None:
        self.subgraphs, self.input_nodes = subgraphs, input_nodes

    def __getitem__(self, item: tuple[Tensor, bool, int]) -> Data:
        places, counts, seed = item
        batch = self.subgraphs.sample(self.input_nodes[places], torch.Generator().manual_seed(seed))
        batch.input_id = places
        return mark_padding(batch, counts)


def check_counts(**counts: int) -> None:
    """Raises an error for values that are not integers of at least 1."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f"`{name}` must be a whole number of at least 1 (got {count!r})")


def check_neighbors(num_neighbors: Sequence[int], name: str = "num_neighbors") -> list[int | None]:
    """Returns the number of sampled edges per layer, with ``None`` for all edges.

    Raises:
        InputError: If ``num_neighbors`` is not a list of integers that are -1 or at least 1.
    """
    is_sequence = isinstance(num_neighbors, Sequence) and not isinstance(num_neighbors, str)
    if not is_sequence or any(type(most) is not int or (most < 1 and most != -1) for most in num_neighbors):
        rule = f"`{name}` must be a list of whole numbers, -1 (all) or at least 1, one for each layer"
        raise InputError(f"{rule} (got {num_neighbors!r})")
    return [None if most == -1 else most for most in num_neighbors]


def _seeds(input_nodes: Tensor | None, num_nodes: int) -> Tensor:
    """Returns the ids of the seeds.

    Raises:
        InputError: If a seed does not exist or is repeated.
    """
    if input_nodes is None:
        return torch.arange(num_nodes)
    if input_nodes.dtype == torch.bool:
        if input_nodes.shape != (num_nodes,):
            raise InputError(
                f"`input_nodes` must have one entry per node, {num_nodes} in all, if it is a mask "
                f"(got shape {list(input_nodes.shape)})"
            )
        return input_nodes.cpu().nonzero().view(-1)
    if input_nodes.dim() != 1 or input_nodes.dtype not in (torch.int64, torch.int32):
        what = f"got {input_nodes.dtype} of shape {list(input_nodes.shape)}"
        raise InputError(f"`input_nodes` must be ids [S] or a mask [N] of nodes ({what})")
    ids = input_nodes.cpu().long()
    if ids.numel():
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= num_nodes:
            what = f"got ids from {low} to {high}"
            raise InputError(f"`input_nodes` must hold node ids from 0 to {num_nodes - 1} ({what})")
        if ids.unique().numel() < ids.numel():
            raise InputError("`input_nodes` must be unique (got repeated ids); apply `unique()` to it")
    return ids
