"""Graph transforms by name, for single graphs and disjoint unions of graphs."""

from graphkit.transforms.adjacency_features import AdjacencyFeatures
from graphkit.transforms.build import Chain, build, register_transform, transform_names
from graphkit.transforms.constant import Constant
from graphkit.transforms.degree import Degree
from graphkit.transforms.laplacian_eigenvectors import LaplacianEigenvectors
from graphkit.transforms.largest_component import LargestComponent
from graphkit.transforms.normalize_features import NormalizeFeatures
from graphkit.transforms.remove_self_loops import RemoveSelfLoops
from graphkit.transforms.return_probabilities import ReturnProbabilities
from graphkit.transforms.self_loops import SelfLoops
from graphkit.transforms.shortest_paths import ShortestPaths
from graphkit.transforms.sparse_features import SparseFeatures
from graphkit.transforms.stored_paths import StoredPaths
from graphkit.transforms.undirected import Undirected

__all__ = [
    "AdjacencyFeatures",
    "Chain",
    "Constant",
    "Degree",
    "LaplacianEigenvectors",
    "LargestComponent",
    "NormalizeFeatures",
    "RemoveSelfLoops",
    "ReturnProbabilities",
    "SelfLoops",
    "ShortestPaths",
    "SparseFeatures",
    "StoredPaths",
    "Undirected",
    "build",
    "register_transform",
    "transform_names",
]
