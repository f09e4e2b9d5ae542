"""Mini-batches."""

from graphkit.loader.graph_loader import GraphLoader

__all__ = ["GraphLoader"]
