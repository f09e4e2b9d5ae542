"""Skeletons: joint layouts, readers of recordings, their preparation, streams and augmentations."""

from graphkit.registry import get_layout, layout_names
from graphkit.skeleton.layout import SkeletonLayout

__all__ = ["SkeletonLayout", "get_layout", "layout_names"]
