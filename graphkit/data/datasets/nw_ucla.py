"""NW-UCLA: ten actions of ten persons, seen by three cameras."""

from pathlib import Path

from torch_geometric.data import download_url

from graphkit.data.dataset import Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_raw
from graphkit.data.recordings import prepared_clips
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.validation_split import held_out_split, subject_numbers
from graphkit.registry import get_layout
from graphkit.skeleton import ClipStore, open_store, write_store
from graphkit.skeleton.readers.nw_ucla import ACTIONS, read_nw_ucla

ARCHIVE = "all_sqe.zip"
SOURCE = Source("", "NW-UCLA", (ARCHIVE,), "https://www.dropbox.com/s/10pcm4pksjy6mkq/all_sqe.zip?dl=1")


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
    """Reads clips of 20 joints; cameras 1 and 2 train, camera 3 tests.

    Args:
        request: Which data set is asked for.
        stream: ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``.
        validation: ``"subjects"`` holds some training subjects out, ``"camera"`` the second camera, ``"none"`` trains
            on all, ``"test"`` chooses the epoch on the test clips.
        val_subjects: The subjects that are held out, 1 to 10.
        frames: Number of frames that each clip is interpolated to; 0 leaves each as long as it is.
        center: ``"first"`` moves the spine of the first frame to the origin, ``"each"`` that of each frame.
        align: Whether each clip is turned so that the body of its first frame stands upright and looks one way.
        box: Whether each clip is stretched so that each coordinate runs from -1 to 1.
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
        citation="Wang et al., Cross-View Action Modeling, Learning and Recognition, CVPR 2014; camera 3 tests",
        layout=layout,
        num_persons=store.x.size(1),
    )


def _read(root: str) -> ClipStore:
    """Reads the archive once; from then on the clips come from a file that is mapped into memory."""
    folder, archive = Path(root, "store"), Path(root, SOURCE.raw, ARCHIVE)
    if not archive.is_file():
        download_url(SOURCE.address, str(archive.parent), filename=ARCHIVE)
    if not (folder / "index.npz").is_file():
        folder.mkdir(exist_ok=True)
        write_store(folder, read_nw_ucla(archive))
    return open_store(folder)
