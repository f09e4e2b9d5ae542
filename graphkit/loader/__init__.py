"""Mini-batches."""

from graphkit.loader.clip_loader import ClipLoader
from graphkit.loader.graph_loader import GraphLoader

__all__ = ["ClipLoader", "GraphLoader"]
