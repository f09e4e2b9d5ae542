"""Mini-batches."""

from graphkit.loader.clip_loader import ClipLoader
from graphkit.loader.graph_loader import GraphLoader
from graphkit.loader.neighbor_loader import NeighborLoader
from graphkit.loader.node_loader import NodeLoader
from graphkit.loader.path_set import PathSet
from graphkit.loader.share import Share
from graphkit.loader.shortest_path_loader import ShortestPathLoader

__all__ = ["ClipLoader", "GraphLoader", "NeighborLoader", "NodeLoader", "PathSet", "Share", "ShortestPathLoader"]
