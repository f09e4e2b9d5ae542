"""A generated set of clips, so that everything about skeletons can be tried without a download."""

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
    """Generates clips in memory; the first 60 % train, the next 20 % validate, the rest test.

    Args:
        request: Which data set is asked for.
        num_clips: Number of clips, at least 10.
        noise: Deviation of the joints in meters.
        seed: Seed of the generator.
        stream: ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``.
        frames: Number of frames that each clip is interpolated to; 0 leaves each as long as it is.
        center: ``"first"`` moves the spine of the first frame to the origin, ``"each"`` that of each frame, ``"none"``
            nothing.
        align: Whether each clip is turned so that the body of its first frame stands upright and looks one way.
        box: Whether each clip is stretched so that each coordinate runs from -1 to 1.
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
