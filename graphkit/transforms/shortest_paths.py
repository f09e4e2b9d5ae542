"""The shortest paths of every node, for layers that attend along them."""

from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import BaseTransform

from graphkit.errors import InputError
from graphkit.nn.paths import lengths_of, put_paths, weighted_paths
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import plain_edge_index


@register_transform("shortest-paths")
class ShortestPaths(BaseTransform):
    r"""Adds the shortest paths of up to ``max_hops`` hops as ``path_index_1``, ``path_index_2``, ...

    ``path_index_h`` ``[h + 1, P_h]`` holds one path per column: the far end in row 0, the node that the path belongs to
    in the last row, sorted by it. Every node also has the self path :math:`(i, \ldots, i)` of each length. Paths follow
    the directions of the edges. PyG collates and separates them as it does an ``edge_index``; paths that the graph
    carried before are replaced. The graph that is given stays as it is.

    :class:`~graphkit.nn.SPAGANConv` takes the list ``[data.path_index_1, data.path_index_2, ...]`` in place of an
    ``edge_index``. Put this transform last: those after it that change edges or nodes would leave paths behind that no
    longer belong to the graph.

    Args:
        max_hops: Largest number of hops.
        ratio: How many of its cheapest paths a node keeps of each length above one hop, as a share of its degree;
            ``None`` for all. See :func:`graphkit.ops.shortest_paths`.
        weight: Name of the attribute with the length of each edge, zero or more, such as ``"edge_weight"``; by default
            every edge has the length 1.

    Raises:
        ValueError: If an option has no such value, the attribute is not there, a length in it is negative, infinite or
            not a number, or the graph has several types of nodes or edges.
    """

    keeps_features = True

    def __init__(self, max_hops: int = 2, ratio: float | None = 1.0, weight: str | None = None) -> None:
        if isinstance(max_hops, bool) or not isinstance(max_hops, int) or max_hops < 1:
            raise InputError(f"`max_hops` must be a whole number of at least 1 (got {max_hops!r})")
        if ratio is not None and not 0 < ratio < float("inf"):
            raise InputError(f"`ratio` must be greater than 0 and finite, or None for all paths (got {ratio})")
        self.max_hops = max_hops
        self.ratio = ratio
        self.weight = weight

    def forward(self, data: Data) -> Data:
        """Returns the graph with its paths."""
        if isinstance(data, HeteroData):
            raise InputError(
                "the transform 'shortest-paths' is for graphs with one type of nodes and edges (got HeteroData); "
                "apply it to `data.to_homogeneous()`"
            )
        num_nodes = int(data.num_nodes or 0)
        paths = weighted_paths(
            plain_edge_index(data), self.lengths(data), self.max_hops, self.ratio, num_nodes, str(self.weight)
        )
        return put_paths(data, paths)

    def lengths(self, data: Data) -> Tensor | None:
        """Returns the lengths of the edges, ``None`` where all are one."""
        return lengths_of(data, self.weight, "the transform 'shortest-paths'")

    def __repr__(self) -> str:
        weight = f", weight={self.weight!r}" if self.weight is not None else ""
        return f"ShortestPaths(max_hops={self.max_hops}, ratio={self.ratio}{weight})"
