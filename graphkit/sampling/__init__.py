"""Mini-batch loaders and subgraph samplers for graphs, nodes, clips and paths."""

from graphkit.sampling.clip_loader import ClipLoader
from graphkit.sampling.graph_loader import GraphLoader
from graphkit.sampling.neighbor_loader import NeighborLoader
from graphkit.sampling.node_loader import NodeLoader
from graphkit.sampling.path_index import PathIndex
from graphkit.sampling.rank_slice import RankSlice
from graphkit.sampling.shortest_path_loader import ShortestPathLoader

__all__ = ["ClipLoader", "GraphLoader", "NeighborLoader", "NodeLoader", "PathIndex", "RankSlice", "ShortestPathLoader"]
