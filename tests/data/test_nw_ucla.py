"""NW-UCLA: a small archive in its format, and the real one where it is at hand."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.data import SkeletonDataset, load


def write_archive(root: Path, **changed: str) -> Path:
    """Writes ten clips, of five subjects in both views, and returns the root; ``changed`` replaces file contents."""
    folder = root / "NW-UCLA"
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "all_sqe.zip", "w") as archive:
        for subject in range(1, 6):
            for camera in (1, 3):
                name = f"a{subject:02d}_s{subject:02d}_e00_v{camera:02d}"
                frames = generator.random((subject + 1, 20, 3)).round(3).tolist()
                content = {"file_name": name, "skeletons": frames, "label": subject}
                archive.writestr(f"all_sqe/{name}.json", changed.get(name, json.dumps(content)))
        for name in set(changed) - set(archive.namelist()):
            if name.startswith("b"):
                archive.writestr(f"all_sqe/{name}.json", changed[name])
    return root


def test_cameras_split_and_subjects_validate(tmp_path: Path) -> None:
    dataset = load("nw-ucla", write_archive(tmp_path))
    assert isinstance(dataset, SkeletonDataset) and dataset.task == "skeleton-classification"
    assert (len(dataset.graphs), dataset.num_features, dataset.num_outputs, dataset.num_persons) == (10, 3, 10, 1)
    (split,) = dataset.splits
    names = dataset.graphs.names
    assert [names[i] for i in split.val.tolist()] == ["a02_s02_e00_v01"]
    assert {names[i][-1] for i in split.test.tolist()} == {"3"} and len(split.train) == 4 and len(split.test) == 5
    assert dataset.class_names[int(dataset.graphs[2].y)] == "pick up with two hands"
    assert dataset.graphs[2].x.shape == (3, 1, 20, 3) and not dataset.graphs[2].x[0, 0, 1].any()
    assert "10 clips of nw-ucla-20 (joint), 1 person(s), 3 channels, 10 actions, Split(4 train, 1 val" in repr(dataset)


def test_options_choose_the_validation_the_length_and_the_stream(tmp_path: Path) -> None:
    root = write_archive(tmp_path)
    everything = load("nw-ucla", root, validation="none")
    assert len(everything.splits[0].train) == 5 and not len(everything.splits[0].val)
    published = load("nw-ucla", root, validation="test")
    assert published.protocol == "test" and torch.equal(published.splits[0].val, published.splits[0].test)
    other = load("nw-ucla", root, val_subjects="1, 3", frames=7, stream="bone", align=True, center="each")
    assert len(other.splits[0].val) == 2 and other.graphs[3].x.size(0) == 7
    assert not other.graphs[0].x[:, :, 2].any() and "bone" in repr(other.graphs)
    raw = load("nw-ucla", root, center="none", split="0.4,0.3,0.3")
    assert raw.graphs[0].x[0, 0, 1].any() and len(raw.splits[0].val) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": "view"}, "`validation` must be one of subjects, none, test, camera (got 'view')"),
        ({"val_subjects": "9"}, "the subjects 9 leave no clip for val; choose others with `val_subjects`"),
        ({"val_subjects": "1,2,3,4,5"}, "the subjects 1, 2, 3, 4, 5 leave no clip for train"),
        ({"val_subjects": "one"}, "`val_subjects` must be whole numbers with commas, such as 2,7 (got 'one')"),
        ({"frames": -1}, "`frames` must not be negative; 0 leaves each clip as long as it is (got -1)"),
        ({"stream": "bones"}, "`stream` must be one of joint, bone, joint-motion, bone-motion (got 'bones')"),
        ({"transforms": ["self-loops"]}, "transforms are for graphs, and nw-ucla has clips; see `train.augment`"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load("nw-ucla", write_archive(tmp_path), **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a01_s01_e00_v01", "{", "'all_sqe/a01_s01_e00_v01.json' in"),
        ("a01_s01_e00_v01", '{"skeletons": [[[1, 2]]]}', "must hold frames of 20 joints with 3 coordinates (got (1"),
        (
            "a01_s01_e00_v01",
            json.dumps({"skeletons": np.zeros((2, 20, 3)).tolist()}),
            "'a01_s01_e00_v01' has no skeleton",
        ),
        ("b", "{}", "holds 'all_sqe/b.json', which is not named as its clips are (aAA_sSS_eEE_vVV)"),
    ],
)
def test_damaged_archives_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load("nw-ucla", write_archive(tmp_path, **{name: content}))


def test_without_the_archive_the_error_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="needs the raw file 'all_sqe.zip', which is not in .*dropbox"):
        load("nw-ucla", tmp_path)


def test_the_real_set(real: Path) -> None:
    dataset = load("nw-ucla", real)
    (split,) = dataset.splits
    assert (len(dataset.graphs), dataset.graphs.x.size(0)) == (1484, 58534)
    assert (len(split.train), len(split.val), len(split.test)) == (820, 200, 464)
    assert torch.bincount(dataset.graphs.y[split.test]).tolist() == [48, 50, 45, 49, 47, 47, 43, 43, 47, 45]
    assert int(dataset.graphs.lengths.min()) == 1


def test_the_second_camera_can_validate(real: Path) -> None:
    (split,) = load("nw-ucla", real, validation="camera").splits
    assert (len(split.train), len(split.val), len(split.test)) == (516, 504, 464)
