"""One clip from one file, whatever its format."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from graphkit.skeleton import get_layout
from graphkit.skeleton.readers.clip_file import read_clip_file
from tests.skeleton.recordings import random_bodies, write_skeleton


def test_every_format_is_read_as_it_was_recorded(tmp_path: Path) -> None:
    bodies = random_bodies(3, 2)
    path = write_skeleton(tmp_path, "any name", bodies)
    assert np.allclose(read_clip_file(path, get_layout("ntu-25"), 3), bodies)
    ucla = np.random.default_rng(0).random((4, 20, 3)).astype(np.float32)
    (tmp_path / "a.json").write_text(json.dumps({"skeletons": ucla.tolist()}))
    assert np.array_equal(read_clip_file(tmp_path / "a.json", get_layout("nw-ucla-20"), 3)[:, 0], ucla)
    person = {"pose": list(range(36)), "score": [0.5] * 18}
    (tmp_path / "b.json").write_text(json.dumps({"data": [{"frame_index": 3, "skeleton": [person, person]}]}))
    film = read_clip_file(tmp_path / "b.json", get_layout("openpose-18"), 3)
    assert film.shape == (1, 2, 18, 3) and film[0, 1, 17].tolist() == [34, 35, 0.5]
    np.save(tmp_path / "C.NPY", ucla)
    (tmp_path / "C.NPY.npy").rename(tmp_path / "C.NPY")
    assert read_clip_file(tmp_path / "C.NPY", get_layout("nw-ucla-20"), 3).shape == (4, 1, 20, 3)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.skeleton", "", "is empty (line 1); fetch it again, or leave it out"),
        ("a.skeleton", "2\n1\n", "ends too early, after line 2"),
        ("a.skeleton", "1\n1\n72057594037930000 0 1 1 1 1 0 0.02 -0.1 2\n20\n", "line 4: there must be 25 joints (got"),
        ("a.json", "", "cannot be read as JSON ("),
        ("a.json", "3", "is not a clip: expected the key 'skeletons' (NW-UCLA) or 'data' (Kinetics)"),
        ("a.json", '{"data": 3}', "must hold 18 joints of each person (TypeError"),
        ("a.json", '{"data": [3]}', "must hold 18 joints of each person (AttributeError"),
        ("a.json", '{"data": [{"frame_index": 1, "skeleton": 3}]}', "must hold 18 joints of each person (TypeError"),
        ("a.json", '{"data": []}', "has no skeleton in any of its frames; leave it out"),
        ("a.json", '{"skeletons": [[1]]}', "must hold frames of 20 joints with 3 coordinates (got (1, 1))"),
        ("a.mp4", "film", "must end in .npy, .csv, .skeleton, .json (got '.mp4')"),
    ],
)
def test_what_is_no_clip_is_one_line_with_its_name(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_clip_file(tmp_path / name, get_layout("ntu-25"), 3)
    assert str(error.value).startswith(f"'{tmp_path / name}'") and "\n" not in str(error.value)


def test_joints_and_channels_must_be_those_of_the_model(tmp_path: Path) -> None:
    path = write_skeleton(tmp_path, "a", random_bodies(2))
    wanted = "must have 17 joints (coco-17) with 2 channels, as the clips that the model was trained on (got 25 joints"
    with pytest.raises(ValueError, match=re.escape(wanted)):
        read_clip_file(path, get_layout("coco-17"), 2)
