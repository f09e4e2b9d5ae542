"""Eigenvectors of the graph Laplacian as positional node features."""

from typing import Any, cast

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE
from torch_geometric.utils import to_undirected

from graphkit.errors import InputError
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import append_columns, column_type, plain_edge_index


@register_transform("laplacian-eigenvectors")
class LaplacianEigenvectors:
    """Eigenvectors of the symmetrically normalized Laplacian.

    Those with the smallest eigenvalues but for the first one, which
    :class:`torch_geometric.transforms.AddLaplacianEigenvectorPE` computes for each graph, are appended to the node
    features. Directions and weights of edges and self loops are ignored. The sign of an
    eigenvector, which is arbitrary, is the one with a positive entry of the largest absolute value; a graph with fewer
    than ``k + 1`` nodes gets zeros in the columns that are missing.

    Args:
        k (int, optional): Number of columns. (default: ``8``)
    """

    def __init__(self, k: int = 8) -> None:
        if not isinstance(k, int) or not 1 <= k <= 64:
            raise InputError(f"`k` must be a whole number from 1 to 64 (got {k!r})")
        self.k = k

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        edge_index, num_nodes = plain_edge_index(data).long(), int(data.num_nodes or 0)
        edge_index = edge_index[:, edge_index[0] != edge_index[1]]
        batch = data.batch if "batch" in data else torch.zeros(num_nodes, dtype=torch.long)
        result = torch.zeros(num_nodes, self.k, dtype=column_type(data))
        sizes = torch.bincount(batch)
        counts = torch.bincount(batch[edge_index[0]], minlength=sizes.numel())
        edges = edge_index[:, batch[edge_index[0]].argsort(stable=True)].split(counts.tolist(), dim=1)
        start = 0
        for size, part in zip(sizes.tolist(), edges, strict=True):
            result[start : start + size] = self._eigenvectors(part - start, size)
            start += size
        return append_columns(data, result, "laplacian-eigenvectors")

    def _eigenvectors(self, edge_index: torch.Tensor, num_nodes: int) -> torch.Tensor:
        """Returns the columns of one graph."""
        columns = torch.zeros(num_nodes, self.k)
        k = min(self.k, num_nodes - 1)
        if k < 1:
            return columns
        generator = torch.Generator().manual_seed(0)  # scipy would draw another first vector at each call
        first: dict[str, Any] = {"v0": torch.rand(num_nodes, generator=generator, dtype=torch.float64).numpy()}
        transform = AddLaplacianEigenvectorPE(k, "vectors", is_undirected=True, **first)
        edge_index = to_undirected(edge_index, num_nodes=num_nodes)
        weight = torch.ones(edge_index.size(1), dtype=torch.float64)
        with torch.random.fork_rng(devices=[]):  # PyG draws signs
            graph = transform(Data(edge_index=edge_index, edge_weight=weight, num_nodes=num_nodes))
        vectors = cast(torch.Tensor, graph.vectors).float()
        largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
        columns[:, :k] = vectors * torch.where(largest < 0, -1.0, 1.0)
        return columns

    def __repr__(self) -> str:
        return f"LaplacianEigenvectors({self.k})"
