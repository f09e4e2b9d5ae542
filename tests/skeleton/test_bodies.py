"""Persons told apart by their tracking ids."""

import re
from pathlib import Path

import numpy as np
import pytest

from graphkit.data import load
from graphkit.skeleton.bodies import MOST_BODIES, track_bodies
from graphkit.skeleton.readers.ntu import read_skeleton_file
from tests.skeleton.recordings import random_bodies


def text(frames: list[list[tuple[str, np.ndarray]]]) -> str:
    """Returns the text of a ``.skeleton`` file, with the id and the joints of each body of each frame."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for name, joints in bodies:
            lines += [f"{name} 0 1 1 1 1 0 0.02 -0.1 2", "25"]
            lines += [" ".join(f"{value:.6f}" for value in joint) + " 1 2 3 4 0.1 0.2 0.3 0.4 2" for joint in joints]
    return "\n".join(lines) + "\n"


A, B = random_bodies(1, seed=1)[0, 0], random_bodies(1, seed=2)[0, 0] + 5
NOBODY = np.zeros((25, 3))


@pytest.mark.parametrize("many", [0, 1600])  # by native code, and line by line
def test_a_person_keeps_the_place_when_another_one_leaves(tmp_path: Path, many: int) -> None:
    frames = [[("7", A), ("9", B)], [("9", B)], [], [("9", B), ("7", A)]] + [[("9", B)]] * many
    path = tmp_path / "a.skeleton"
    path.write_text(text(frames))
    expected = [[A, B], [NOBODY, B], [NOBODY, NOBODY], [A, B]] + [[NOBODY, B]] * many
    assert np.allclose(read_skeleton_file(path), expected, atol=1e-6)
    position = [[A, B], [B, NOBODY], [NOBODY, NOBODY], [B, A]] + [[B, NOBODY]] * many
    assert np.allclose(read_skeleton_file(path, "position"), position, atol=1e-6)


def test_an_id_that_begins_where_another_ended_is_the_same_person(tmp_path: Path) -> None:
    path = tmp_path / "a.skeleton"
    path.write_text(text([[("1", A)], [("2", A + 0.1)], [("3", B)], [("3", B)]]))
    assert np.allclose(read_skeleton_file(path), [[A, NOBODY], [A + 0.1, NOBODY], [NOBODY, B], [NOBODY, B]], atol=1e-6)
    path.write_text(text([[("1", A)], [("1", A), ("2", A + 0.1)]]))  # both at once: two persons
    assert read_skeleton_file(path).shape[1] == 2
    path.write_text(text([[("1", A), ("1", B)], [("1", A)]]))  # the same id twice in a frame
    assert np.allclose(read_skeleton_file(path), [[A, B], [A, NOBODY]], atol=1e-6)


def test_small_files_that_ask_for_much_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.skeleton"
    path.write_text(text([[("1", A)] * 30] + [[]] * 60_000))
    with pytest.raises(ValueError, match="60,001 frames of 30 bodies would take .* MB, more than 100 times the file"):
        read_skeleton_file(path)
    path.write_text(f"{10**9}\n0\n")
    with pytest.raises(ValueError, match="a.skeleton' ends too early, after line 2"):
        read_skeleton_file(path)
    ids = [[str(frame).encode()] for frame in range(MOST_BODIES + 1)]
    x = np.arange(1.0, MOST_BODIES + 2).reshape(-1, 1, 1, 1) * np.ones((1, 1, 25, 3))
    with pytest.raises(ValueError, match=f"must have at most {MOST_BODIES} tracking ids .got more in frame 65"):
        track_bodies(x, ids, path)


def test_the_data_set_reads_bodies_both_ways(tmp_path: Path) -> None:
    folder = tmp_path / "NTU-RGB-D" / "nturgb+d_skeletons"
    folder.mkdir(parents=True)
    frames = [[("7", A), ("9", B)]] * 3 + [[("9", B)]] * 3
    for name in ("S001C001P001R001A001", "S001C002P003R001A002"):
        (folder / f"{name}.skeleton").write_text(text(frames))
    jumps = {}
    for bodies in ("tracked", "position", "tracked"):
        x = load("ntu60-xsub", tmp_path, bodies=bodies, validation="none").graphs[0].x
        jumps[bodies] = float(x[:, 0].diff(dim=0).abs().max())
    assert jumps["tracked"] < 1e-5 < 1 < jumps["position"]
    with pytest.raises(ValueError, match=re.escape("`bodies` must be one of tracked, position (got 'id')")):
        load("ntu60-xsub", tmp_path, bodies="id")
