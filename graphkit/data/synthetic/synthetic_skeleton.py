"""Synthetic skeleton clips of six actions."""

from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.recordings import prepared_clips
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.splits import position_split
from graphkit.errors import InputError
from graphkit.registry import get_layout
from graphkit.skeleton import ClipStore
from graphkit.skeleton.synthetic import ACTIONS, generate_clips


@dataset({"synthetic-skeleton": Source(address="generated: six actions of one person")}, task="skeleton-classification")
def synthetic_skeleton(
    request: Request,
    *,
    num_clips: int = 600,
    noise: float = 0.02,
    seed: int = 0,
    stream: str = "joint",
    frames: int = 0,
    center: str = "first",
    align: bool = False,
    box: bool = False,
) -> SkeletonDataset:
    """Generates clips with a split of 60/20/20 % in order.

    Args:
        request (Request): Request for the data set.
        num_clips (int, optional): Number of clips, at least 10. (default: ``600``)
        noise (float, optional): Standard deviation of the joints in meters. (default: ``0.02``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
        stream (str, optional): ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``. (default: ``"joint"``)
        frames (int, optional): Number of frames per clip, by interpolation; 0 for variable length. (default: ``0``)
        center (str, optional): Moves the spine to the origin in the ``"first"`` frame, in ``"each"`` frame, or not
            (``"none"``). (default: ``"first"``)
        align (bool, optional): Rotates each clip so that the body is upright and faces a fixed direction in the first
            frame. (default: ``False``)
        box (bool, optional): Scales each coordinate of a clip to [-1, 1]. (default: ``False``)
    """
    if num_clips < 10:
        raise InputError(f"`num_clips` must be at least 10, so that no part of the split is empty (got {num_clips})")
    layout = get_layout("nw-ucla-20")
    names = tuple(f"clip-{number}" for number in range(num_clips))
    store = ClipStore(*generate_clips(num_clips, noise, seed), names, {})
    return SkeletonDataset(
        name=request.name,
        task="skeleton-classification",
        graphs=prepared_clips(store, layout, stream, frames, center, align, box=box),
        splits=(position_split(num_clips, (0.6, 0.2, 0.2)),),
        num_features=3,
        num_outputs=len(ACTIONS),
        metric="accuracy",
        class_names=tuple(ACTIONS),
        citation="generated: six actions of one person",
        layout=layout,
        num_persons=1,
    )
