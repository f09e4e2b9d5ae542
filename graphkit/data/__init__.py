"""Data sets by name, splits, and a user's own files."""

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.listing import CatalogueRow, catalogue
from graphkit.data.loading import is_path, load, options

__all__ = ["CatalogueRow", "GraphCollection", "GraphDataset", "Split", "catalogue", "is_path", "load", "options"]
