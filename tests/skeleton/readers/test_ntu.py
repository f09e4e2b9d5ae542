import math
import re
from pathlib import Path

import numpy as np
import pytest

from graphkit.ops import skeleton_text as ops_text
from graphkit.skeleton.bodies import fill_frames, select_bodies
from graphkit.skeleton.readers.ntu import _read_lines, prepare_ntu, read_ntu, read_skeleton_file
from tests.skeleton.recordings import random_bodies, skeleton_text, write_skeleton


def test_a_file_is_read_with_all_bodies_of_each_frame(tmp_path: Path) -> None:
    bodies = random_bodies(4, 2)
    bodies[1, 1] = 0.0  # only one body in the second frame
    bodies[2] = 0.0  # none in the third
    assert np.allclose(read_skeleton_file(write_skeleton(tmp_path, "a", bodies)), bodies, atol=1e-6)
    assert not read_skeleton_file(write_skeleton(tmp_path, "b", np.zeros((3, 1, 25, 3)))).any()


LINES = skeleton_text(random_bodies(2)).splitlines()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is empty (line 1); fetch it again, or leave it out"),
        (LINES[:20], "ends too early, after line 20: the number of bodies in frame 2 is missing"),
        (LINES[:40], "ends too early, after line 40: frame 2 of 2 is not complete"),
        (["two", *LINES[1:]], "line 1: expected the number of frames (got 'two'); fetch it again"),
        ([*LINES[:3], "24", *LINES[4:]], "line 4: there must be 25 joints (got 24)"),
        ([*LINES[:9], "1.0 x 2.0 1 1 1 1 1 1 1 1 2", *LINES[10:]], "line 10: expected the 12 numbers of a joint (got"),
        ([*LINES[:9], "1.0 2.0", *LINES[10:]], "line 10: expected the 12 numbers of a joint (got '1.0 2.0'); fetch"),
        ([*LINES[:9], "nan 2.0 1.0 1 1 1 1 1 1 1 1 2", *LINES[10:]], "line 10: expected the 12 numbers of a joint"),
        ([*LINES, "0"], "line 58: more lines than its 2 frames have; fetch it again"),
        ([LINES[0], "-1", *LINES[2:]], "line 2: expected the number of bodies in frame 1 (got '-1')"),
    ],
)
def test_damaged_files_are_refused_with_name_and_line(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=re.escape(str(path))) as error:
        read_skeleton_file(path)
    assert message in str(error.value)


def test_clips_of_one_frame_and_bodies_that_are_all_zero(tmp_path: Path) -> None:
    write_skeleton(tmp_path, "S001C001P001R001A001", random_bodies(1))
    (clip,) = read_ntu(tmp_path)
    assert clip.x.shape == (1, 2, 25, 3) and not clip.x[:, 1].any()
    zero = skeleton_text(np.full((2, 1, 25, 3), 7.0)).replace("7.000000", "0.000000")  # a body, but nowhere
    for text in (zero, "0\n", "2\n0\n0\n"):
        (tmp_path / "S001C001P001R001A001.skeleton").write_text(text)
        with pytest.raises(ValueError, match="A001.skeleton' has no skeleton in any of its . frames"):
            list(read_ntu(tmp_path))


def test_a_file_of_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(ValueError, match="A001.skeleton', line 1: expected the number of frames .got"):
        read_skeleton_file(path)


def test_both_ways_of_reading_agree(native: None, tmp_path: Path) -> None:
    bodies = random_bodies(4, 3)
    bodies[1, 1:] = bodies[2] = 0.0
    bodies[0, 0, 0] = [-1.25e-05, 12345.5, 3e2]
    text = skeleton_text(bodies).replace("-0.000013", "-1.25e-05").replace("300.000000", "+3E+2")
    tabs, returns = text.replace(" 1 2 3", "\t1 2 3"), text.replace("\n", "\r\n")
    for variant in (text, text.rstrip("\n"), returns, text + "\n\n", tabs):
        path = tmp_path / "a.skeleton"
        path.write_bytes(variant.encode())
        fast = ops_text.skeleton_text(path.read_bytes(), 25)
        assert fast is not None and fast.shape == (4, 3, 25, 3)
        assert np.allclose(fast.numpy(), _read_lines(path, variant), rtol=1e-15, atol=0)
    assert np.allclose(fast.numpy(), bodies, atol=1e-6)


def test_a_file_that_is_cut_anywhere_is_never_read_by_half(native: None) -> None:
    text = skeleton_text(random_bodies(2)).encode()
    full_read = ops_text.skeleton_text(text, 25)
    assert np.array_equal(ops_text.skeleton_text(text[:-1], 25).numpy(), full_read.numpy())
    assert ops_text.skeleton_text(text[:-30], 25) is None
    for cut in range(3, len(text), 7):
        cut_read = ops_text.skeleton_text(text[:-cut], 25)
        assert cut_read is None or (
            cut < 30 and np.array_equal(cut_read.numpy(), full_read.numpy())
        )  # the last line says more


def test_the_two_bodies_that_move_most_are_kept() -> None:
    x = random_bodies(6, 3)
    x[:, 0] *= 0.1
    x[:, 2] *= 2.0
    x[3:, 2] = 0.0  # seen half of the time, but its energy is that of the frames in which it is seen
    assert np.array_equal(select_bodies(x), x[:, [2, 1]])
    one = select_bodies(x[:, :1])
    assert np.array_equal(one[:, 0], x[:, 0]) and one.shape[1] == 2 and not one[:, 1].any()


def test_bodies_begin_at_once_and_are_played_again() -> None:
    x = np.zeros((6, 2, 1, 1))
    x[2:6, 0, 0, 0] = [1, 2, 3, 4]
    x[1:3, 1, 0, 0] = [7, 8]
    assert fill_frames(x)[:, :, 0, 0].tolist() == [[1, 7], [2, 8], [3, 7], [4, 8]]
    x[3, 0] = 0.0  # a gap stays
    assert fill_frames(x)[:, 0, 0, 0].tolist() == [1, 0, 3, 4]
    assert not fill_frames(np.zeros((3, 2, 1, 1))).any()


def test_preparation_agrees_with_a_loop_over_frames_persons_and_joints() -> None:
    bodies = random_bodies(7, 3, seed=4)
    bodies[:2] = 0.0
    bodies[5:, 1] = 0.0
    bodies[4, 0, 9] = 0.0
    other = random_bodies(3, 1, seed=5)
    together = prepare_ntu([bodies, other])
    assert np.allclose(together[0], by_loops(bodies, 5), atol=1e-5)  # one body is seen in frames 2 to 6
    assert np.allclose(together[1], by_loops(other, 3), atol=1e-5)


def by_loops(bodies: np.ndarray, frames: int) -> np.ndarray:
    """The preparation of NTU RGB+D, one joint after the other."""
    energy = []
    for body in range(bodies.shape[1]):
        seen = [frame for frame in bodies[:, body] if frame.any()]
        energy.append(sum(np.std([frame[:, axis] for frame in seen]) for axis in range(3)))
    order = sorted(range(len(energy)), key=lambda body: -energy[body])[:2]
    x = np.zeros((frames, 2, 25, 3))
    for person, body in enumerate(order):
        track = list(bodies[:, body])
        while not track[0].any():
            track.pop(0)
        while not track[-1].any():
            track.pop()
        for frame in range(frames):
            x[frame, person] = track[frame % len(track)]
    for frame in range(frames):
        origin = x[frame, 0, 1].copy()
        for person in range(2):
            for joint in range(25):
                if x[frame, person, joint].any():
                    x[frame, person, joint] -= origin
    for bone, axis in (((0, 1), [0, 0, 1]), ((8, 4), [1, 0, 0])):
        vector = x[0, 0, bone[1]] - x[0, 0, bone[0]]
        normal = np.cross(vector, axis)
        normal /= np.linalg.norm(normal)
        angle = math.acos(vector @ axis / np.linalg.norm(vector))
        for frame in range(frames):
            for person in range(2):
                for joint in range(25):
                    v = x[frame, person, joint]
                    cosine, sine = math.cos(angle), math.sin(angle)
                    x[frame, person, joint] = (
                        v * cosine + np.cross(normal, v) * sine + normal * (normal @ v) * (1 - cosine)
                    )
    return x


def test_clips_have_the_tags_of_their_names_and_listed_ones_are_left_out(tmp_path: Path) -> None:
    names = ["S001C002P003R001A004", "S017C001P040R002A060", "S018C003P041R001A061"]
    for seed, name in enumerate(names):
        write_skeleton(tmp_path, name, random_bodies(3, 1, seed))
    write_skeleton(tmp_path, "S002C002P003R001A005", np.zeros((2, 1, 25, 3)))
    listed = ["S002C002P003R001A005"]
    clips = list(read_ntu(tmp_path, listed, num_actions=60))
    assert [clip.name for clip in clips] == names[:2] and [clip.label for clip in clips] == [3, 59]
    assert clips[0].tags == {"setup": 1, "camera": 2, "subject": 3, "repetition": 1}
    assert clips[0].x.shape == (3, 2, 25, 3) and clips[0].x.dtype == np.float32
    assert len(list(read_ntu(tmp_path, listed))) == 3
    with pytest.raises(ValueError, match="S002C002P003R001A005.skeleton' has no skeleton in any of its"):
        list(read_ntu(tmp_path))
    (tmp_path / "other.skeleton").write_text("1")
    with pytest.raises(ValueError, match="other.skeleton' is not named as clips of NTU RGB.D are"):
        list(read_ntu(tmp_path, listed))
