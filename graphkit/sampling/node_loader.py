"""What all loaders share that go through the nodes of one graph: seeds, their order, workers."""

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
    """Cuts sub-graphs out of one graph, each with all that a model looks at for a few nodes."""

    data: Data
    num_nodes: int
    #: How many edges a node keeps in each layer that looks along edges, from the last one back; ``None`` for all.
    num_neighbors: tuple[int | None, ...]

    @property
    def draws(self) -> bool:
        """Whether edges are drawn at random, so that two cuts for the same nodes differ."""
        return any(most is not None for most in self.num_neighbors)

    @abstractmethod
    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Data:
        """Returns the sub-graph of some seeds ``[B]``, none of them twice; they are its first nodes."""

    @abstractmethod
    def drawing(self, num_neighbors: Sequence[int | None]) -> "SubgraphSampler":
        """Returns what cuts sub-graphs with other numbers of edges out of the same graph and shares all that it has."""

    def keep(self, seeds: Tensor) -> None:  # noqa: B027, nothing to be kept is the rule
        """Finds what the sub-graphs of these seeds need and keeps it, where something can be kept."""


class NodeLoader:
    """Goes through nodes of a graph in batches.

    Args:
        subgraphs: What cuts out the batches.
        batch_size: Number of seeds in a batch.
        shuffle: Whether every pass has another order of the seeds.
        num_workers: Processes that make batches ahead of time; with 0 they are made when they are asked for.
        input_nodes: The seeds, as ids ``[S]`` or as a mask ``[N]``; all nodes by default.
        generator: Where the order and the seeds of the batches are drawn from; by default PyTorch's own.

    Raises:
        ValueError: If an option has no such value, or a seed names a node that does not exist or comes twice.
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
        """Returns a loader over other seeds of the same graph, which shares the graph and all that is kept.

        Args:
            input_nodes: The seeds, as ids ``[S]`` or as a mask ``[N]``; all nodes by default.
            shuffle: Whether every pass has another order of the seeds.
            generator: Where the order and the seeds of the batches are drawn from; by default PyTorch's own.
            share: Which part of the seeds of each batch to take, where several processes go through them together. A
                batch that is only there to be computed along is marked by
                :func:`~graphkit.sampling.rank_slice.mark_padding`.
        """
        other = copy(self)
        other.share = share or RankSlice()
        other.input_nodes = _seeds(input_nodes, self.subgraphs.num_nodes)
        other.shuffle, other.generator = shuffle, generator
        return other

    def drawing(self: Self, num_neighbors: Sequence[int]) -> Self:
        """Returns a loader over the same seeds that draws other numbers of edges, and shares the graph.

        Args:
            num_neighbors: How many edges into a node are drawn in each layer that looks along edges, from the last one
                back; -1 for all.

        Raises:
            ValueError: If there are not as many numbers as such layers, or one is neither -1 nor at least 1.
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
        self.subgraphs.keep(self.input_nodes)  # here, for what a worker finds is lost with it
        count = self.input_nodes.numel()
        order = torch.randperm(count, generator=self.generator) if self.shuffle else torch.arange(count)
        parts = list(order.split(self.batch_size)) if count else []
        seeds = [0] * (len(parts) + 1)
        if self.subgraphs.draws:  # one for each batch, so that workers do not matter
            seeds = torch.randint(2**62, (len(parts) + 1,), generator=self.generator).tolist()
        items = [(*self.share.item(ids), seed + self.share.rank) for ids, seed in zip(parts, seeds, strict=False)]
        made = _Made(self.subgraphs, self.input_nodes)
        if not self.num_workers:
            return (made[item] for item in items)
        rng = torch.Generator().manual_seed(seeds[-1])  # or the workers' seeds would come from PyTorch's generator
        loader = DataLoader(made, sampler=items, batch_size=None, num_workers=self.num_workers, generator=rng)  # type: ignore[arg-type]
        return iter(loader)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_nodes.numel()} seeds, batch_size={self.batch_size})"


class _Made(Dataset[Data]):
    """Makes a batch from the places of its seeds and a random seed."""

    def __init__(self, subgraphs: SubgraphSampler, input_nodes: Tensor) -> None:
        self.subgraphs, self.input_nodes = subgraphs, input_nodes

    def __getitem__(self, item: tuple[Tensor, bool, int]) -> Data:
        places, counts, seed = item
        batch = self.subgraphs.sample(self.input_nodes[places], torch.Generator().manual_seed(seed))
        batch.input_id = places
        return mark_padding(batch, counts)


def check_counts(**counts: int) -> None:
    """Refuses what is no whole number of at least 1."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f"`{name}` must be a whole number of at least 1 (got {count!r})")


def check_neighbors(num_neighbors: Sequence[int], name: str = "num_neighbors") -> list[int | None]:
    """Returns how many edges are drawn in each layer, ``None`` for all.

    Raises:
        ValueError: If it is no list of whole numbers, each -1 or at least 1.
    """
    is_sequence = isinstance(num_neighbors, Sequence) and not isinstance(num_neighbors, str)
    if not is_sequence or any(type(most) is not int or (most < 1 and most != -1) for most in num_neighbors):
        rule = f"`{name}` must be a list of whole numbers, -1 (all) or at least 1, one for each layer"
        raise InputError(f"{rule} (got {num_neighbors!r})")
    return [None if most == -1 else most for most in num_neighbors]


def _seeds(input_nodes: Tensor | None, num_nodes: int) -> Tensor:
    """Returns the ids of the seeds.

    Raises:
        ValueError: If one of them does not exist or comes twice.
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
            raise InputError("`input_nodes` must name no node twice (got some more than once); take `unique()` of it")
    return ids
