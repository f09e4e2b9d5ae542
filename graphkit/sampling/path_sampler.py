"""Sampler of subgraphs with all shortest paths that path attention needs."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.nn.attribute_level import attribute_level
from graphkit.nn.paths import EdgeLookup, lengths_of, path_edge_attr, paths_of
from graphkit.sampling.csc_graph import CSCGraph, NodeRelabeler, spans
from graphkit.sampling.node_loader import SubgraphSampler
from graphkit.sampling.path_cache import PathCache
from graphkit.sampling.path_index import PathIndex
from graphkit.sampling.path_search import PathSearch

#: Number of nodes per search when paths are cached.
_BLOCK = 2**16
#: Attribute prefixes that the sampler sets itself.
_OWN = ("edge_index", "path_index_", "path_attr_", "path_set")


class PathSampler(SubgraphSampler):
    """Subgraph sampler with shortest paths, see :class:`ShortestPathLoader`.

    Args:
        data (Data): The graph.
        num_neighbors (list[int | None], optional): Edges sampled per node in each message-passing layer, starting from
            the last layer; ``None`` for all edges. (default: ``(None,)``)
        max_hops (int, optional): Largest number of hops of a path. (default: ``2``)
        ratio (float, optional): Number of paths kept per node and length above one hop, as a fraction of the degree;
            ``None`` for all. (default: ``1.0``)
        weight (str, optional): Name of the attribute with edge lengths; ``None`` for length 1. (default: ``None``)
        path_layers (int, optional): Number of path attention layers, which are the first layers of the model. (default:
            ``1``)
        keep_paths (bool, optional): Caches paths between batches. (default: ``False``)
        paths (PathIndex, optional): Precomputed paths of this graph, used instead of a search. (default: ``None``)
        edge_attr (str, optional): Name of the edge attribute whose means along the paths batches contain.
            (default: ``None``)

    Raises:
        InputError: If a node id in an edge or a path does not exist, or a length is negative or not finite.
    """

    def __init__(
        self,
        data: Data,
        num_neighbors: Sequence[int | None] = (None,),
        max_hops: int = 2,
        ratio: float | None = 1.0,
        weight: str | None = None,
        path_layers: int = 1,
        keep_paths: bool = False,
        paths: PathIndex | None = None,
        edge_attr: str | None = None,
    ) -> None:
        self.data = data
        self.num_nodes = int(data.num_nodes or 0)
        self.num_neighbors, self.path_layers = tuple(num_neighbors), path_layers
        self.edges = CSCGraph(torch.empty(2, 0).long() if data.edge_index is None else data.edge_index, self.num_nodes)
        self.table = torch.full((self.num_nodes,), -1, dtype=torch.int32)
        cost = lengths_of(data, weight if paths is None else paths.weight, "`ShortestPathLoader`")
        if cost is not None:
            cost = cost.detach().cpu()
            _check_lengths(cost, str(weight), self.edges.row.numel())
        carried = paths_of(data) if path_layers else []
        if paths is not None and carried:
            raise InputError(
                "the graph must not have `path_index_1` if `paths` is given (got both); leave one of them out"
            )
        self.search: PathSearch | None = None
        if not carried and paths is None:
            self.search = PathSearch(self.edges, cost, max_hops, ratio, self.table)
        self.paths: PathCache | PathIndex | None = None
        if paths is not None:
            edges = torch.empty(2, 0).long() if data.edge_index is None else data.edge_index
            paths.check(edges, cost, self.num_nodes)
            self.paths = paths if path_layers else None
        elif carried:
            self.paths = PathCache.carried(carried, self.num_nodes)
        elif keep_paths and path_layers:
            self.paths = PathCache(self.num_nodes, max_hops)
        attributes = {name: data[name] for name in data.keys() if not name.startswith(_OWN)}  # noqa: SIM118
        tensors = {name: value for name, value in attributes.items() if isinstance(value, Tensor)}
        levels = {name: attribute_level(data, name) for name in tensors}
        self._of_nodes = [name for name, level in levels.items() if level == "node"]
        self._of_edges = [name for name, level in levels.items() if level == "edge"]
        self._path_attr = edge_attr if path_layers else None
        if edge_attr is not None and edge_attr not in self._of_edges:
            raise InputError(f"expected `edge_attr` to name an edge attribute, got '{edge_attr}'; add it to the graph")
        if self._path_attr is not None:
            self._lookup = EdgeLookup(data.edge_index, self.num_nodes, cost)  # type: ignore[arg-type]
        self._shared = [name for name in attributes if name not in (*self._of_nodes, *self._of_edges, "num_nodes")]

    def drawing(self, num_neighbors: Sequence[int | None]) -> "PathSampler":
        """Returns a sampler with other numbers of neighbors that shares graph and caches."""
        other = copy(self)
        other.num_neighbors = tuple(num_neighbors)
        return other

    def keep(self, seeds: Tensor) -> None:
        """Finds and caches all paths that the subgraphs of these seeds need.

        Args:
            seeds (Tensor): ``[S]`` int64, unique node ids.
        """
        if not isinstance(self.paths, PathCache) or self.search is None:
            return
        with NodeRelabeler(self.table) as number:
            number.begin(seeds)
            new = seeds
            for _ in self.num_neighbors:
                new = number.add(self.edges.row[self.edges.into(new)[0]])
            new = number.nodes
            for layer in range(self.path_layers):
                unknown = self.paths.missing(new)
                for block in unknown.split(_BLOCK) if unknown.numel() else ():
                    self.paths.add(block, self._searched(block, number))
                if layer < self.path_layers - 1:
                    new = number.add(torch.cat([paths.flatten() for paths in self.paths.of(new)]))

    def sample(self, seeds: Tensor, generator: torch.Generator | None = None) -> Data:
        """Returns the subgraph of some seed nodes.

        Args:
            seeds (Tensor): ``[B]`` int64, unique node ids.
            generator (torch.Generator, optional): Source of randomness for edge sampling. (default: PyTorch's global
                generator)
        """
        parts: list[list[Tensor]] = []
        places: list[Tensor] = []
        counts: list[Tensor] = []
        with NodeRelabeler(self.table) as number:
            number.begin(seeds)
            new = seeds
            num_sampled_nodes = [seeds.numel()]
            for most in self.num_neighbors:
                incoming = self.edges.into(new) if most is None else self.edges.some_into(new, most, generator)
                places.append(incoming[0])
                counts.append(incoming[1])
                new = number.add(self.edges.row[incoming[0]])
                num_sampled_nodes.append(new.numel())
            new = number.nodes
            for _ in range(self.path_layers):
                found_paths = self._paths(new, number)
                parts.append(found_paths)
                new = number.add(torch.cat([path_index.flatten() for path_index in found_paths]))
            nodes = number.nodes
            positions = torch.cat(places) if places else torch.empty(0, dtype=torch.long)
            count = torch.cat(counts) if counts else torch.empty(0, dtype=torch.long)
            source = number.of(self.edges.row[positions])
            paths = [torch.cat(pieces, dim=1) for pieces in zip(*parts, strict=True)]
            local = [number.of(path_index) for path_index in paths]
        target = torch.repeat_interleave(torch.arange(count.numel()), count)
        batch = Data()
        for name in self._of_nodes:
            batch[name] = _take_rows(self.data[name], nodes.to(self.data[name].device))
        edge_ids = self.edges.given(positions)
        for name in self._of_edges:
            batch[name] = _take_rows(self.data[name], edge_ids.to(self.data[name].device))
        for name in self._shared:
            batch[name] = self.data[name]
        size = nodes.numel()
        batch.edge_index = EdgeIndex(torch.stack([source, target]), sparse_size=(size, size), sort_order="col")
        for hops, path_index in enumerate(local, start=1):
            global_path = paths[hops - 1]  # with ids of the full graph
            if bool((path_index[-1, 1:] < path_index[-1, :-1]).any()):
                order = path_index[-1].argsort(stable=True)
                path_index, global_path = path_index[:, order], global_path[:, order]
            batch[f"path_index_{hops}"] = path_index
            if self._path_attr is not None:
                attr = self.data[self._path_attr].view(self.data.edge_index.size(1), -1)
                (batch[f"path_attr_{hops}"],) = path_edge_attr(attr, [self._lookup(global_path)])
        batch.n_id, batch.e_id, batch.num_nodes, batch.batch_size = nodes, edge_ids, size, seeds.numel()
        if not self.path_layers:
            batch.num_sampled_nodes = num_sampled_nodes
        return batch

    def _paths(self, centers: Tensor, number: NodeRelabeler) -> list[Tensor]:
        """Returns the paths of nodes from the cache or by a search."""
        if self.paths is None:
            return self._searched(centers, number)
        if self.search is not None and isinstance(self.paths, PathCache):
            unknown = self.paths.missing(centers)
            if unknown.numel():
                self.paths.add(unknown, self._searched(unknown, number))
        return self.paths.of(centers)

    def _searched(self, centers: Tensor, number: NodeRelabeler) -> list[Tensor]:
        """Returns the paths of nodes by a search that shares the relabeling table."""
        assert self.search is not None
        with number.aside():
            return self.search.find(centers)


def _take_rows(value: Tensor, ids: Tensor) -> Tensor:
    """Selects rows of a tensor ``[N, ...]``; sparse tensors (COO or CSR) stay sparse."""
    if value.layout == torch.sparse_csr:
        places, counts = spans(value.crow_indices().long(), ids)
        crow = torch.zeros(ids.numel() + 1, dtype=torch.long)
        torch.cumsum(counts, 0, out=crow[1:])
        size = (ids.numel(), *value.shape[1:])
        parts = (crow, value.col_indices()[places], value.values()[places])
        return torch.sparse_csr_tensor(*parts, size, check_invariants=False)
    return value.index_select(0, ids)


def _check_lengths(cost: Tensor, name: str, num_edges: int) -> None:
    """Raises an error unless there is one finite, non-negative length per edge."""
    if cost.numel() != num_edges:
        raise InputError(f"`{name}` must have one length per edge, {num_edges} in all (got {cost.numel()})")
    wrong = (~(cost >= 0) | cost.isinf()).nonzero()
    if wrong.numel():
        at = int(wrong[0])
        raise InputError(f"`{name}` must be finite and not negative (got {float(cost[at])} for edge {at})")
