"""Skeleton clips: joint layouts, readers, preprocessing and augmentations."""

from graphkit.registry import get_layout, layout_names
from graphkit.skeleton.clip import Clip
from graphkit.skeleton.layout import SkeletonLayout
from graphkit.skeleton.prepare import align, center, fit_box
from graphkit.skeleton.resample import repeat_to, resample
from graphkit.skeleton.seen import seen
from graphkit.skeleton.store import ClipStore, gather_clips, open_store, write_store
from graphkit.skeleton.streams import STREAMS, make_stream

__all__ = [
    "STREAMS",
    "Clip",
    "ClipStore",
    "SkeletonLayout",
    "align",
    "center",
    "fit_box",
    "gather_clips",
    "get_layout",
    "layout_names",
    "make_stream",
    "open_store",
    "repeat_to",
    "resample",
    "seen",
    "write_store",
]
