"""Reference to shortest paths in files, for path attention in batches."""

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
    """Attribute ``path_set`` with the folder of the paths of ``graphkit paths --all``.

    An alternative to :class:`~graphkit.transforms.ShortestPaths` for paths that exceed the memory: models are trained
    in batches of nodes, which read their paths from the files. The input graph is unchanged.

    Args:
        folder (str): Folder of the path set, stored in a run as given; an absolute path is valid in any working
            directory.

    Raises:
        FileNotFoundError: If the folder holds no complete path set.
        InputError: If the edges or lengths of the graph differ from those of the path set, the graph has paths already,
            or it is heterogeneous.
    """

    keeps_features = True

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def weight(self) -> str | None:
        """Name of the attribute with the edge lengths of the path set."""
        return PathIndex(self.folder).weight

    def forward(self, data: Data) -> Data:
        """Returns the graph with the name of the folder."""
        if isinstance(data, HeteroData) or paths_of(data):
            came = "HeteroData" if isinstance(data, HeteroData) else "one that has paths already"
            raise InputError(f"the transform 'stored-paths' is for one graph without paths (got {came}); leave it out")
        paths = PathIndex(self.folder)
        lengths = lengths_of(data, paths.weight, "the transform 'stored-paths'")
        paths.check(plain_edge_index(data), lengths, int(data.num_nodes or 0))
        data = copy(data)
        data.path_set = str(self.folder)
        return data

    def __repr__(self) -> str:
        return f"StoredPaths('{self.folder}')"
