import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from graphkit.skeleton.readers.nw_ucla import ACTIONS, nw_ucla_frames, read_nw_ucla


def archive(folder: Path, **files: object) -> Path:
    """Writes an archive of the set; what is not text is written as JSON."""
    path = folder / "all_sqe.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            made.writestr(f"all_sqe/{name}.json", text)
    return path


def frames(count: int, seed: int = 0) -> list:
    return np.random.default_rng(seed).random((count, 20, 3)).round(4).tolist()


def test_clips_come_by_name_with_the_tags_and_the_label_in_it(tmp_path: Path) -> None:
    files = {"a12_s03_e01_v03": {"skeletons": frames(4)}, "a08_s10_e00_v01": {"skeletons": frames(1, 1)}}
    first, second = read_nw_ucla(archive(tmp_path, **files))
    assert (first.name, list(ACTIONS.values())[first.label]) == ("a08_s10_e00_v01", "donning")
    assert first.tags == {"subject": 10, "repetition": 0, "camera": 1} and first.x.shape == (1, 1, 20, 3)  # one frame
    assert second.label == 9 and np.array_equal(second.x[:, 0], np.array(frames(4), dtype=np.float32))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a01_s01_e00_v01", "", "'all_sqe/a01_s01_e00_v01.json' in"),
        ("a01_s01_e00_v01", "{", "is no clip (JSONDecodeError"),
        ("a01_s01_e00_v01", [], "is no clip (TypeError"),
        ("a01_s01_e00_v01", {}, "is no clip (KeyError: 'skeletons')"),
        ("a01_s01_e00_v01", {"skeletons": []}, "must hold frames of 20 joints with 3 coordinates (got (0,))"),
        ("a01_s01_e00_v01", {"skeletons": [[[1, 2, 3]] * 19]}, "20 joints with 3 coordinates (got (1, 19, 3))"),
        ("a01_s01_e00_v01", {"skeletons": [[[1, 2]] * 20]}, "20 joints with 3 coordinates (got (1, 20, 2))"),
        ("a01_s01_e00_v01", {"skeletons": [[[1, 2, 3]] * 20, [[1, 2, 3]]]}, "is no clip (ValueError"),
        ("a01_s01_e00_v01", {"skeletons": [[["x", 2, 3]] * 20]}, "is no clip (ValueError"),
        (
            "a01_s01_e00_v01",
            {"skeletons": [[[0, 0, 0]] * 20]},
            "'a01_s01_e00_v01' has no skeleton: all its coordinates",
        ),
        ("a01_s01_e00_v01", '{"skeletons": ' + json.dumps([[[1, 2, float("inf")]] * 20]) + "}", "finite numbers"),
        ("a07_s01_e00_v01", {"skeletons": frames(1)}, "which is not named as its clips are (aAA_sSS_eEE_vVV)"),
        ("walking", {"skeletons": frames(1)}, "holds 'all_sqe/walking.json', which is not named as its clips are"),
    ],
)
def test_clips_that_cannot_be_used_are_one_line_with_their_name(
    tmp_path: Path, name: str, content: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        list(read_nw_ucla(archive(tmp_path, **{name: content})))
    assert name in str(error.value) and "\n" not in str(error.value)


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all_sqe.zip").write_text("no archive")
    with pytest.raises(ValueError, match="all_sqe.zip' is not a readable archive; fetch or write it again"):
        list(read_nw_ucla(tmp_path / "all_sqe.zip"))
    with pytest.raises(ValueError, match="^this must hold frames of 20 joints"):
        nw_ucla_frames({"skeletons": 3}, "this")
