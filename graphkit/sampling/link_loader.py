"""Batches of pairs of nodes with the graph, or the subgraph, that they need."""

from collections.abc import Iterator
from copy import copy

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import plain_edge_index, sorted_edge_index
from graphkit.data.link_dataset import LinkDataset
from graphkit.data.non_edges import NonEdges, pair_keys
from graphkit.nn.attribute_level import attribute_level
from graphkit.nn.paths import path_attr_of, paths_of, put_paths
from graphkit.sampling.node_loader import NodeLoader
from graphkit.sampling.rank_slice import RankSlice, mark_padding

#: Fraction of the training edges that are supervised in a step on the whole graph.
SUPERVISED = 0.5


class LinkLoader:
    """Loader of pairs of nodes, ``pair_index`` ``[2, B]``, with labels ``[B, 2]``.

    In training, a batch has edges and as many random pairs without a training edge. Its edges are removed from its
    graph, in both directions, so that no edge is both a message and a target. Without a loader of nodes, there is one
    batch with a random half of the training edges.

    Args:
        dataset (LinkDataset): The data set.
        ids (Tensor): Pairs of the data set; only edges in training.
        batch_size (int): Edges in a batch of subgraphs in training, else pairs.
        generator (torch.Generator, optional): Draws order and negatives in each epoch; ``None`` for no training.
            (default: ``None``)
        nodes (NodeLoader, optional): Loader of subgraphs; ``None`` for the whole graph. (default: ``None``)
        share (RankSlice, optional): Slice of each batch for this rank. (default: ``None``, the full batch)
        device (torch.device, optional): Device of the whole graph. (default: ``None``, that of the data set)
    """

    def __init__(
        self,
        dataset: LinkDataset,
        ids: Tensor,
        batch_size: int,
        generator: torch.Generator | None = None,
        nodes: NodeLoader | None = None,
        share: RankSlice | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.graph = copy(dataset.graphs[0])
        if nodes is None and device is not None:
            self.graph.to(device)
        self.dataset, self.ids, self.batch_size, self.generator = dataset, ids, batch_size, generator
        self.subgraphs = None if nodes is None else nodes.subgraphs
        self.share = share or RankSlice()
        if generator is None:
            return
        edges = dataset.pairs[:, ids]
        num_nodes, directed = int(dataset.graphs[0].num_nodes or 0), dataset.directed
        self.non_edges = NonEdges(edges, num_nodes, directed)
        graph = dataset.graphs[0] if self.subgraphs is None else self.subgraphs.data
        keys, order = pair_keys(edges, num_nodes, directed).sort()
        of_edge = pair_keys(plain_edge_index(graph.edge_index), num_nodes, directed)
        position = torch.searchsorted(keys, of_edge).clamp(max=keys.numel() - 1)
        #: Training edge of each edge of the graph, -1 for a self loop.
        self.pair_of_edge = torch.where(keys[position] == of_edge, order[position], -1)

    def __len__(self) -> int:
        return 1 if self.subgraphs is None else -(-self.ids.numel() // self.batch_size)

    def __iter__(self) -> Iterator[Data]:
        if self.generator is None:
            yield from self._evaluated()
            return
        order = torch.randperm(self.ids.numel(), generator=self.generator)
        if self.subgraphs is None:
            batches = [order[: max(1, round(SUPERVISED * order.numel()))]]
        else:
            batches = list(order.split(self.batch_size))
        for positions in batches:
            negatives = self.non_edges.sample(positions.numel(), self.generator)
            seed = int(torch.randint(2**62, (), generator=self.generator))
            pairs = torch.cat([self.dataset.pairs[:, self.ids[positions]], negatives], dim=1)
            y = torch.full((pairs.size(1), 2), -1)
            y[:, 0] = torch.arange(pairs.size(1)) < positions.numel()
            hidden = torch.zeros(self.ids.numel() + 1, dtype=torch.bool)
            hidden[positions] = True
            yield self._batch(pairs, y, hidden, seed)

    def _evaluated(self) -> Iterator[Data]:
        """Yields batches without training."""
        size = max(1, self.ids.numel()) if self.subgraphs is None else self.batch_size
        for ids in self.ids.split(size):
            yield self._batch(self.dataset.pairs[:, ids], self.dataset.labels[ids])

    def _batch(self, pairs: Tensor, y: Tensor, hidden: Tensor | None = None, seed: int = 0) -> Data:
        """Returns a batch of this rank, without its ``hidden`` edges."""
        rows, counts = self.share.item(torch.arange(pairs.size(1)))
        pairs, y = pairs[:, rows], y[rows]
        if self.subgraphs is None:
            batch = copy(self.graph)
            removed = None if hidden is None else hidden[self.pair_of_edge]
        else:
            seeds, pairs = pairs.unique(return_inverse=True)
            batch = self.subgraphs.sample(seeds, torch.Generator().manual_seed(seed + self.share.rank))
            removed = None if hidden is None else hidden[self.pair_of_edge[batch.e_id]]
        if removed is not None and bool(removed.any()):
            batch = without_edges(batch, removed.to(batch.edge_index.device))
        batch.pair_index, batch.y = pairs, y
        return mark_padding(batch, counts)

    def __repr__(self) -> str:
        return f"LinkLoader({self.ids.numel()} pairs)"


def without_edges(data: Data, removed: Tensor) -> Data:
    """Returns a graph without some of its edges, and without the paths over them.

    Args:
        data (Data): The graph.
        removed (Tensor): ``[E]`` bool, the edges to remove.
    """
    graph, edges, num_nodes = copy(data), plain_edge_index(data.edge_index), int(data.num_nodes or 0)
    for name in data.to_dict():
        if name != "edge_index" and attribute_level(data, name) == "edge":
            graph[name] = data[name][~removed]
    absent, kept = pair_keys(edges[:, removed], num_nodes, True), []
    for path_index in paths_of(data):
        steps = pair_keys(torch.stack([path_index[:-1].flatten(), path_index[1:].flatten()]), num_nodes, True)
        kept.append(~torch.isin(steps, absent).view(-1, path_index.size(1)).any(dim=0))
    paths = [path_index[:, mask] for path_index, mask in zip(paths_of(data), kept, strict=True)]
    features = path_attr_of(data)
    put_paths(graph, paths, [attr[mask] for attr, mask in zip(features, kept, strict=bool(features))])
    graph.edge_index = sorted_edge_index(edges[:, ~removed], num_nodes)
    graph.num_nodes = num_nodes
    return graph
