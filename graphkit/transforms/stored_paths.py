"""Paths that lie in files, for models that attend along them in batches."""

from copy import copy

from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import BaseTransform

from graphkit.errors import InputError
from graphkit.nn.paths import lengths_of, paths_of
from graphkit.sampling.path_index import PathIndex
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import plain_edge_index


@register_transform("stored-paths")
class StoredPaths(BaseTransform):
    """Lets a graph name the folder of its paths as ``path_set``, where ``graphkit paths --all`` has written them.

    It stands in the place of :class:`~graphkit.transforms.ShortestPaths` where the paths are too many for the memory:
    a model of paths is then trained in batches of nodes, each of which reads its own. The graph that is given stays as
    it is.

    Args:
        folder: The folder of the path set; a run keeps it as it is given here, so an absolute one serves from anywhere.

    Raises:
        FileNotFoundError: If the folder holds no whole path set.
        ValueError: If the graph has other edges, or lengths, than the one whose paths were written, carries paths
            already, or has several types of nodes or edges.
    """

    keeps_features = True

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def weight(self) -> str | None:
        """Name of the attribute with the lengths that the paths were found by."""
        return PathIndex(self.folder).weight

    def forward(self, data: Data) -> Data:
        """Returns the graph with the name of the folder."""
        if isinstance(data, HeteroData) or paths_of(data):
            came = "HeteroData" if isinstance(data, HeteroData) else "one that carries paths already"
            raise InputError(f"the transform 'stored-paths' is for one graph without paths (got {came}); leave it out")
        paths = PathIndex(self.folder)
        lengths = lengths_of(data, paths.weight, "the transform 'stored-paths'")
        paths.check(plain_edge_index(data), lengths, int(data.num_nodes or 0))
        data = copy(data)
        data.path_set = str(self.folder)
        return data

    def __repr__(self) -> str:
        return f"StoredPaths('{self.folder}')"
