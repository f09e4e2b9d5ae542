"""From a store of clips to a data set: the steps that all sets of recordings share."""

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
    """Returns the clips of a store, moved, turned and with as many frames as asked for.

    Args:
        store: The clips.
        layout: Their joints and bones.
        stream: What a network is to see, see :func:`graphkit.skeleton.make_stream`.
        frames: Number of frames that each clip is interpolated to; 0 leaves each as long as it is.
        around: What is moved to the origin, see :func:`graphkit.skeleton.center`.
        upright: Whether clips are turned, see :func:`graphkit.skeleton.align`.
        coordinates: How many of the channels are coordinates; all by default.
        box: Whether each clip is stretched, see :func:`graphkit.skeleton.fit_box`.
    """
    x: Tensor = store.x
    ptr = pointers(store.lengths)
    if around != "none":
        x = center(x, ptr, layout.center, around, coordinates)
    if upright:
        x = align(x, ptr, layout.up, layout.across, coordinates)
    return ClipCollection(x, store.lengths, store.labels, layout, store.names, stream, coordinates, frames, box=box)
