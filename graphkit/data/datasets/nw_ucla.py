"""NW-UCLA: ten actions of ten persons, from three cameras."""

from pathlib import Path

from torch_geometric.data import download_url

from graphkit.data.dataset import Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_raw
from graphkit.data.recordings import prepared_clips
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.sources import NO_LICENSE
from graphkit.data.validation_split import held_out_split, subject_numbers
from graphkit.registry import get_layout
from graphkit.skeleton import ClipStore, open_store, write_store
from graphkit.skeleton.readers.nw_ucla import ACTIONS, read_nw_ucla

ARCHIVE = "all_sqe.zip"
SOURCE = Source(
    "",
    "NW-UCLA",
    (ARCHIVE,),
    "https://www.dropbox.com/s/10pcm4pksjy6mkq/all_sqe.zip?dl=1",
    citation="Wang et al., Cross-View Action Modeling, Learning and Recognition, CVPR 2014",
    license=NO_LICENSE,
)


@dataset({"nw-ucla": SOURCE}, task="skeleton-classification")
def nw_ucla(
    request: Request,
    *,
    stream: str = "joint",
    validation: str = "subjects",
    val_subjects: str = "2,7",
    frames: int = 0,
    center: str = "first",
    align: bool = False,
    box: bool = False,
) -> SkeletonDataset:
    """Loads clips of 20 joints, with cameras 1 and 2 for training and 3 for testing.

    Args:
        request (Request): Request for the data set.
        stream (str, optional): ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``. (default: ``"joint"``)
        validation (str, optional): ``"subjects"`` holds out training subjects, ``"camera"`` the second camera,
            ``"none"`` trains on all clips, ``"test"`` selects the epoch on the test clips. (default: ``"subjects"``)
        val_subjects (str, optional): Validation subjects, 1 to 10. (default: ``"2,7"``)
        frames (int, optional): Number of frames per clip, by interpolation; 0 for variable length. (default: ``0``)
        center (str, optional): Moves the spine to the origin in the ``"first"`` frame or in ``"each"`` frame. (default:
            ``"first"``)
        align (bool, optional): Rotates each clip so that the body is upright and faces a fixed direction in the first
            frame. (default: ``False``)
        box (bool, optional): Scales each coordinate of a clip to [-1, 1]. (default: ``False``)
    """
    layout = get_layout("nw-ucla-20")
    store = read_raw(request, _read)
    camera = store.tags["camera"]
    if validation == "camera":
        split, protocol = Split(*((camera == number).nonzero().view(-1) for number in (1, 2, 3))), "validation"
    else:
        held_out = subject_numbers(val_subjects)
        train, test, subject = camera < 3, camera == 3, store.tags["subject"]
        split, protocol = held_out_split(train, test, validation, subject, held_out, ("camera",))
    return SkeletonDataset(
        name=request.name,
        task="skeleton-classification",
        graphs=prepared_clips(store, layout, stream, frames, center, align, box=box),
        splits=(split,),
        num_features=store.x.size(-1),
        num_outputs=len(ACTIONS),
        metric="accuracy",
        protocol=protocol,
        class_names=tuple(ACTIONS.values()),
        citation=f"{request.source.citation}; camera 3 tests",
        layout=layout,
        num_persons=store.x.size(1),
    )


def _read(root: str) -> ClipStore:
    """Reads the archive once, and then memory-maps the cached clips."""
    folder, archive = Path(root, "store"), Path(root, SOURCE.raw, ARCHIVE)
    if not archive.is_file():
        download_url(SOURCE.address, str(archive.parent), filename=ARCHIVE)
    if not (folder / "index.npz").is_file():
        folder.mkdir(exist_ok=True)
        write_store(folder, read_nw_ucla(archive))
    return open_store(folder)
