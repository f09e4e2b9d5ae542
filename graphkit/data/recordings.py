"""Preprocessing shared by all data sets of recorded clips."""

from torch import Tensor

from graphkit.data.clips import ClipCollection
from graphkit.data.edges import pointers
from graphkit.skeleton import ClipStore, SkeletonLayout, align, center


def prepared_clips(
    store: ClipStore,
    layout: SkeletonLayout,
    stream: str,
    frames: int = 0,
    around: str = "first",
    upright: bool = False,
    coordinates: int | None = None,
    box: bool = False,
) -> ClipCollection:
    """Returns the preprocessed clips of a store.

    Args:
        store (ClipStore): The clips.
        layout (SkeletonLayout): Joints and bones.
        stream (str): Input stream, see :func:`graphkit.skeleton.make_stream`.
        frames (int, optional): Number of frames per clip, by interpolation; 0 for variable length. (default: ``0``)
        around (str, optional): Origin of the coordinates, see :func:`graphkit.skeleton.center`. (default: ``"first"``)
        upright (bool, optional): Rotates clips, see :func:`graphkit.skeleton.align`. (default: ``False``)
        coordinates (int, optional): Number of channels that are coordinates. (default: ``None``, all)
        box (bool, optional): Scales clips to a box, see :func:`graphkit.skeleton.fit_box`. (default: ``False``)
    """
    x: Tensor = store.x
    ptr = pointers(store.lengths)
    if around != "none":
        x = center(x, ptr, layout.center, around, coordinates)
    if upright:
        x = align(x, ptr, layout.up, layout.across, coordinates)
    return ClipCollection(x, store.lengths, store.labels, layout, store.names, stream, coordinates, frames, box=box)
