"""Kinetics-Skeleton: 400 actions in videos, with estimated 2D poses."""

from pathlib import Path

from torch import Tensor

from graphkit.data.clips import ClipCollection
from graphkit.data.dataset import Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import missing_files, read_raw
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.sources import NO_LICENSE
from graphkit.errors import InputError
from graphkit.registry import get_layout
from graphkit.skeleton import ClipStore, open_store, write_store
from graphkit.skeleton.readers.kinetics import NUM_ACTIONS, read_kinetics

TRAIN, TEST = "kinetics_train", "kinetics_val"
SOURCE = Source(
    "",
    "Kinetics-Skeleton",
    (TRAIN, TEST),
    "https://github.com/yysijie/st-gcn (kinetics-skeleton.zip)",
    citation="Kay et al., Kinetics, 2017; poses of Yan et al., ST-GCN, AAAI 2018",
    license=NO_LICENSE,
)


@dataset({"kinetics-skeleton": SOURCE}, task="skeleton-classification")
def kinetics_skeleton(
    request: Request, *, stream: str = "joint", validation: str = "clips", frames: int = 0
) -> SkeletonDataset:
    """Loads clips of 18 joints of two persons: 2D coordinates and a confidence.

    The published validation clips are the test clips.

    Args:
        request (Request): Request for the data set.
        stream (str, optional): ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``. (default: ``"joint"``)
        validation (str, optional): ``"clips"`` holds out 5 % of the training clips of each action (subjects are not
            annotated), ``"none"`` trains on all clips, ``"test"`` selects the epoch on the test clips. (default:
            ``"clips"``)
        frames (int, optional): Number of frames per clip, by repetition (300 as published); 0 for variable length.
            (default: ``0``)
    """
    if validation not in ("clips", "none", "test"):
        raise InputError(f"`validation` must be one of clips, none, test (got {validation!r})")
    store = read_raw(request, lambda root: _read(request, root))
    layout = get_layout("openpose-18")
    clips = ClipCollection(store.x, store.lengths, store.labels, layout, store.names, stream, 2, frames, "repeat")
    return SkeletonDataset(
        name=request.name,
        task="skeleton-classification",
        graphs=clips,
        splits=(_split(store.tags["train"] == 1, store.labels, validation),),
        num_features=store.x.size(-1),
        num_outputs=NUM_ACTIONS,
        metric="accuracy",
        protocol="test" if validation == "test" else "validation",
        citation=request.source.citation,
        layout=layout,
        num_persons=store.x.size(1),
    )


def _split(is_train: Tensor, labels: Tensor, validation: str) -> Split:
    """Returns the split, with every twentieth clip of an action held out."""
    train, test = is_train.nonzero().view(-1), (~is_train).nonzero().view(-1)
    if validation != "clips":
        return Split(train, test if validation == "test" else train[:0], test)
    order = train[labels[train].argsort(stable=True)]
    held_out = order[10::20].sort().values
    kept = is_train.clone()
    kept[held_out] = False
    return Split(kept.nonzero().view(-1), held_out, test)


def _read(request: Request, root: str) -> ClipStore:
    """Reads all files once, and then memory-maps the cached clips."""
    store, raw = Path(root, "store"), Path(root, request.source.raw)
    if not raw.exists():
        raise missing_files(request, "; it is not downloaded by itself")
    if not (store / "index.npz").is_file():
        store.mkdir(exist_ok=True)
        parts = ((raw / TRAIN, {"train": 1}), (raw / TEST, {"train": 0}))
        write_store(store, (clip for folder, tags in parts for clip in read_kinetics(folder, tags)))
    return open_store(store)
