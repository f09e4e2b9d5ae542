import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkit.skeleton.readers.kinetics import read_kinetics


def person(value: float, score: float) -> dict[str, Any]:
    pose = np.column_stack([np.full(18, value), np.full(18, value / 2)]).flatten().tolist()
    scores = [score] * 17 + [0.0]
    return {"pose": pose, "score": scores}


def write(folder: Path, name: str, data: Any, **changed: Any) -> None:
    content = {"data": data, "label": "yoga", "label_index": 7, **changed}
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_persons_are_sorted_by_confidence_in_each_frame(tmp_path: Path) -> None:
    data = [
        {"frame_index": 1, "skeleton": []},
        {"frame_index": 2, "skeleton": [person(0.1, 0.3), person(0.2, 0.9), person(0.4, 0.5)]},
        {"frame_index": 4, "skeleton": [person(0.6, 0.4)]},
    ]
    write(tmp_path, "b", data)
    write(tmp_path, "a", [{"frame_index": 1, "skeleton": []}])  # nobody: left out
    (clip,) = read_kinetics(tmp_path, {"train": 1})
    assert (clip.name, clip.label, clip.tags, clip.x.shape) == ("b", 7, {"train": 1}, (3, 2, 18, 3))
    assert np.allclose(clip.x[0, :, 0], [[-0.3, 0.4, 0.9], [-0.1, 0.3, 0.5]])  # x - 0.5, 0.5 - y, confidence
    assert np.allclose(clip.x[2, 0, 0], [0.1, 0.2, 0.4]) and not clip.x[1].any() and not clip.x[2, 1].any()
    assert not clip.x[:, :, 17].any()  # a joint without confidence has no place


def test_one_frame_is_a_clip_and_one_that_shows_nobody_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "one", [{"frame_index": 9, "skeleton": [person(0.1, 0.3)]}])
    write(tmp_path, "zero", [{"frame_index": 1, "skeleton": [{"pose": [0.0] * 36, "score": [0.0] * 18}]}])
    (clip,) = read_kinetics(tmp_path)
    assert clip.name == "one" and clip.x.shape == (1, 2, 18, 3) and not clip.x[0, 1].any()


@pytest.mark.parametrize(
    ("data", "changed", "message"),
    [
        ([{"frame_index": 1, "skeleton": [{"pose": [0.1] * 34, "score": [1] * 17}]}], {}, "must hold 18 joints of"),
        (None, {}, "must hold 18 joints of each person (TypeError"),
        ([], {"label_index": -1}, "`label_index` must be a whole number from 0 to 399 (got -1); leave it out"),
        ([], {"label_index": None}, "`label_index` must be a whole number from 0 to 399 (got None); leave it out"),
        ([{"frame_index": 1, "skeleton": [{"pose": [1, 2], "score": [1]}]}], {}, "must hold 18 joints of each person"),
        ([{"skeleton": [person(0.1, 0.2)]}], {}, "must hold 18 joints of each person (KeyError: 'frame_index')"),
    ],
)
def test_files_that_are_no_clips_are_refused(tmp_path: Path, data: Any, changed: dict, message: str) -> None:
    write(tmp_path, "bad", data, **changed)
    with pytest.raises(ValueError, match="bad.json'.*" + re.escape(message)):
        list(read_kinetics(tmp_path))


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match="bad.json' cannot be read as a clip of Kinetics-Skeleton"):
        list(read_kinetics(tmp_path))
