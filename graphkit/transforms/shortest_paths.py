"""Shortest paths of every node as graph attributes, for path attention."""

from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import BaseTransform

from graphkit.errors import InputError
from graphkit.nn.paths import lengths_of, put_paths, weighted_paths
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import plain_edge_index


@register_transform("shortest-paths")
class ShortestPaths(BaseTransform):
    r"""Shortest paths of up to ``max_hops`` hops as attributes ``path_index_h``.

    ``path_index_1``, ``path_index_2``, ... ``[h + 1, P_h]`` hold one path per column: the far end in row 0, the
    attending node in the last row, sorted by it. They include the self path :math:`(i, \ldots, i)` of every node.
    Paths follow the direction of the edges. PyG collates and separates them like an ``edge_index``. Existing paths are
    replaced; the input graph is unchanged.

    :class:`~graphkit.nn.SPAGANConv` takes the list ``[data.path_index_1, data.path_index_2, ...]`` instead of an
    ``edge_index``. Transforms that change nodes or edges must come before this one.

    Args:
        max_hops (int, optional): Largest number of hops. (default: ``2``)
        ratio (float, optional): Number of paths per node and length above one hop, relative to its degree; ``None`` for
            all. See :func:`graphkit.ops.shortest_paths`. (default: ``1.0``)
        weight (str, optional): Name of the attribute with the non-negative length of each edge, such as
            ``"edge_weight"``; all lengths are 1 if ``None``. (default: ``None``)

    Raises:
        InputError: If an option is invalid, the attribute is missing, a length is negative, infinite or NaN, or the
            graph is heterogeneous.

    Example:
        >>> import torch
        >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
        >>> ShortestPaths(max_hops=1)(data).path_index_1.tolist()
        [[0, 0, 1, 1, 2], [0, 1, 1, 2, 2]]
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
        """Returns the lengths of the edges; ``None`` if all are one."""
        return lengths_of(data, self.weight, "the transform 'shortest-paths'")

    def __repr__(self) -> str:
        weight = f", weight={self.weight!r}" if self.weight is not None else ""
        return f"ShortestPaths(max_hops={self.max_hops}, ratio={self.ratio}{weight})"
