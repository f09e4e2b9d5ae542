"""NTU RGB+D and NTU RGB+D 120: actions of one or two persons, from three cameras."""

from dataclasses import replace
from pathlib import Path

import torch

from graphkit.data.clips import ClipCollection
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import find_raw, missing_files, read_raw
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.validation_split import held_out_split, subject_numbers
from graphkit.errors import InputError
from graphkit.registry import get_layout
from graphkit.skeleton import ClipStore, open_store, write_store
from graphkit.skeleton.readers.ntu import BODIES, read_ntu

ADDRESS = "https://rose1.ntu.edu.sg/dataset/actionRecognition (on request)"
FOLDER = "nturgb+d_skeletons"
#: Published lists of clips with missing skeletons, next to the folder of clips.
MISSING = ("NTU_RGBD_samples_with_missing_skeletons.txt", "NTU_RGBD120_samples_with_missing_skeletons.txt")
TRAINING_SUBJECTS = (
    (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
    + (45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89)
    + (91, 92, 93, 94, 95, 97, 98, 100, 103)
)
NAMES = ("ntu60-xsub", "ntu60-xview", "ntu120-xsub", "ntu120-xset")
CITATION = "Shahroudy et al., NTU RGB+D, CVPR 2016; Liu et al., NTU RGB+D 120, TPAMI 2019"
LICENSE = "on request, for academic research that is not commercial"
SOURCES = {name: Source("", "NTU-RGB-D", (FOLDER,), ADDRESS, citation=CITATION, license=LICENSE) for name in NAMES}


@dataset(SOURCES, task="skeleton-classification")
def ntu(
    request: Request,
    *,
    stream: str = "joint",
    validation: str = "subjects",
    val_subjects: str = "1,8,19",
    frames: int = 0,
    bodies: str = "tracked",
) -> SkeletonDataset:
    """Loads clips of 25 joints of two persons, with the protocol of the name.

    ``xsub`` tests on subjects, ``xview`` on camera 1, ``xset`` on setups with odd numbers. The clips of the first 60
    actions are in ``NTU-RGB-D/nturgb+d_skeletons``, the others in the same folder or in ``nturgb+d_skeletons120``.
    Clips in the published lists of missing skeletons are skipped.

    Args:
        request (Request): Request for the data set.
        stream (str, optional): ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``. (default: ``"joint"``)
        validation (str, optional): ``"subjects"`` holds out training subjects, ``"none"`` trains on all clips,
            ``"test"`` selects the epoch on the test clips. (default: ``"subjects"``)
        val_subjects (str, optional): Validation subjects. (default: ``"1,8,19"``)
        frames (int, optional): Number of frames per clip, by repetition (300 as published); 0 for variable length.
            (default: ``0``)
        bodies (str, optional): Identifies persons by tracking id (``"tracked"``) or by their position in the list of a
            frame (``"position"``). (default: ``"tracked"``)

    Differences:
        The paper keeps the two tracked bodies with the largest energy. The released reader identifies bodies by their
        position in the list of a frame, so that persons are swapped when one of them leaves. The default of ``bodies``
        follows the paper.
    """
    if bodies not in BODIES:
        raise InputError(f"`bodies` must be one of {', '.join(BODIES)} (got {bodies!r})")
    actions = 120 if request.name.startswith("ntu120") else 60
    if find_raw(request) is None:
        raise missing_files(replace(request, name=f"ntu{actions}"), "; it cannot be downloaded without a request")
    kept = replace(request, name=f"ntu{actions}-{bodies}")  # the name of the folder in the cache
    store = read_raw(kept, lambda root: _read(request, root, actions, bodies))
    tags = store.tags
    if request.name.endswith("xsub"):
        train = torch.isin(tags["subject"], torch.tensor(TRAINING_SUBJECTS))
    elif request.name.endswith("xview"):
        train = tags["camera"] != 1
    else:
        train = tags["setup"] % 2 == 0
    split, protocol = held_out_split(train, ~train, validation, tags["subject"], subject_numbers(val_subjects))
    layout = get_layout("ntu-25")
    return SkeletonDataset(
        name=request.name,
        task="skeleton-classification",
        graphs=ClipCollection(
            store.x, store.lengths, store.labels, layout, store.names, stream, frames=frames, fit="repeat"
        ),
        splits=(split,),
        num_features=3,
        num_outputs=actions,
        metric="accuracy",
        protocol=protocol,
        class_names=tuple(f"A{number:03d}" for number in range(1, actions + 1)),  # as in the file names
        citation=CITATION,
        layout=layout,
        num_persons=2,
    )


def _read(request: Request, root: str, actions: int, bodies: str) -> ClipStore:
    """Reads all files once, and then memory-maps the cached clips."""
    store, raw = Path(root, "store"), Path(root, request.source.raw)
    if not (store / "index.npz").is_file():
        store.mkdir(exist_ok=True)
        lists = [path.read_text(encoding="utf-8") for path in map(raw.joinpath, MISSING) if path.is_file()]
        names = [name for text in lists for name in text.split()]
        folders = [path for path in (raw / FOLDER, raw / f"{FOLDER}120") if path.is_dir()]
        write_store(store, (clip for folder in folders for clip in read_ntu(folder, names, actions, bodies=bodies)))
    return open_store(store)
