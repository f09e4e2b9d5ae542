"""NTU RGB+D and Kinetics-Skeleton in small folders of their formats."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.data import load
from tests.skeleton.recordings import random_bodies, write_skeleton

NAMES = (
    "S001C001P001R001A001", "S001C002P002R001A002", "S001C003P003R001A060", "S002C001P006R001A001",
    "S002C002P001R002A001", "S017C003P008R001A002",
)  # fmt: skip
LATER = ("S018C001P045R001A061", "S019C002P048R001A120")


@pytest.fixture
def ntu(tmp_path: Path) -> Path:
    folder = tmp_path / "NTU-RGB-D"
    for seed, name in enumerate((*NAMES, *LATER)):
        inside = "nturgb+d_skeletons" if name in NAMES else "nturgb+d_skeletons120"
        write_skeleton(folder / inside, name, random_bodies(2 + seed, 1 + seed % 2, seed))
    write_skeleton(folder / "nturgb+d_skeletons", "S001C001P001R001A003", np.zeros((2, 1, 25, 3)))
    (folder / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text("S001C001P001R001A003\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "count", "test"),
    [
        ("ntu60-xsub", 6, ["S001C003P003R001A060", "S002C001P006R001A001"]),
        ("ntu60-xview", 6, ["S001C001P001R001A001", "S002C001P006R001A001"]),
        ("ntu120-xsub", 8, ["S001C003P003R001A060", "S002C001P006R001A001", "S019C002P048R001A120"]),
        ("ntu120-xset", 8, [*(n for n in NAMES if n[3] in "17"), "S019C002P048R001A120"]),
    ],
)
def test_the_protocols_of_ntu(ntu: Path, name: str, count: int, test: list[str]) -> None:
    dataset = load(name, ntu, validation="none")
    assert (len(dataset.graphs), dataset.num_outputs) == (count, 60 if name.startswith("ntu60") else 120)
    split = dataset.splits[0]
    names = dataset.graphs.names
    assert sorted(names[i] for i in split.test.tolist()) == sorted(test)
    assert len(split.train) + len(split.test) == count and not len(split.val)
    assert dataset.num_persons == 2 and dataset.layout.name == "ntu-25"
    assert dataset.class_names[:2] == ("A001", "A002") and len(dataset.class_names) == dataset.num_outputs


def test_ntu_is_played_for_as_long_as_asked_and_both_protocols_share_a_store(ntu: Path) -> None:
    dataset = load("ntu60-xsub", ntu, frames=9, val_subjects="8", stream="joint-motion")
    assert dataset.graphs[0].x.shape == (9, 2, 25, 3) and len(dataset.splits[0].val) == 1
    other = load("ntu60-xview", ntu, val_subjects="3")
    first = other.graphs[0].x
    assert first.shape == (2, 2, 25, 3) and not first[:, 0, 1].any() and not first[:, 1].any()
    assert other.graphs.x.untyped_storage().filename == dataset.graphs.x.untyped_storage().filename


def test_without_the_files_of_ntu_the_error_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="the data set 'ntu60' needs the raw file 'nturgb.d_skeletons'.*rose1"):
        load("ntu60-xsub", tmp_path)


@pytest.fixture
def kinetics(tmp_path: Path) -> Path:
    for folder, count in (("kinetics_train", 40), ("kinetics_val", 3)):
        (tmp_path / "Kinetics-Skeleton" / folder).mkdir(parents=True)
        for number in range(count):
            pose, score = [0.1 * (number % 7)] * 36, [0.5] * 18
            data = [{"frame_index": frame, "skeleton": [{"pose": pose, "score": score}]} for frame in (1, 2)]
            path = tmp_path / "Kinetics-Skeleton" / folder / f"clip{number:02d}.json"
            path.write_text(json.dumps({"data": data, "label_index": number % 2}))
    return tmp_path


def test_kinetics_holds_clips_of_each_action_out(kinetics: Path) -> None:
    dataset = load("kinetics-skeleton", kinetics, stream="bone", frames=4)
    split = dataset.splits[0]
    assert (len(split.train), len(split.val), len(split.test), dataset.num_outputs) == (38, 2, 3, 400)
    assert sorted(dataset.graphs.y[split.val].tolist()) == [0, 1]
    x = dataset.graphs[0].x
    assert x.shape == (4, 2, 18, 3) and not x[..., :2].any() and torch.equal(x[:, 0, :, 2], torch.full((4, 18), 0.5))
    published = load("kinetics-skeleton", kinetics, validation="test")
    assert published.protocol == "test" and len(published.splits[0].val) == 3
    assert not len(load("kinetics-skeleton", kinetics, validation="none").splits[0].val)
    with pytest.raises(ValueError, match="`validation` must be one of clips, none, test .got 'subjects'."):
        load("kinetics-skeleton", kinetics, validation="subjects")
