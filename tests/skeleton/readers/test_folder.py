import re
from pathlib import Path

import numpy as np
import pytest

from graphkit.data import load
from graphkit.skeleton import get_layout
from graphkit.skeleton.readers.folder import read_csv, read_folder, read_npy, read_table

SHAPE = (17, 3)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int16, np.uint8])
def test_arrays_of_any_number_type_are_read_with_one_person_or_several(tmp_path: Path, kind: type) -> None:
    x = (100 * random(5, 2, *SHAPE)).astype(kind)
    np.save(tmp_path / "two.npy", x)
    np.save(tmp_path / "one.npy", x[:1, 0])
    two, one = (read_npy(tmp_path / f"{name}.npy", *SHAPE) for name in ("two", "one"))
    assert np.array_equal(two, x.astype(np.float32)) and two.dtype == np.float32
    assert one.shape == (1, 1, *SHAPE) and np.array_equal(one[0, 0], two[0, 0])  # a clip of one frame


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 16, 3), "(got [5, 16, 3] of float32); see `data.layout` and `data.coordinates`"),
        ((5, 2, 17, 2), "(got [5, 2, 17, 2] of float32); see `data.layout` and `data.coordinates`"),
        ((5, 51), "(got [5, 51] of float32); see `data.layout` and `data.coordinates`"),
        ((0, 17, 3), "(got [0, 17, 3] of float32); see"),
        ((3, 40, 17, 2), "if its axes are in another order, save x.transpose(1, 3, 2, 0)"),
        ((17, 3, 40), "if its axes are in another order, save x.transpose(2, 0, 1)"),
        ((40, 3, 17), "if its axes are in another order, save x.transpose(0, 2, 1)"),
        ((8, 3, 40, 17, 2), "it has five axes: save each clip as a file of its own, with its axes in that order"),
    ],
)
def test_arrays_of_another_shape_are_refused_with_what_to_do(tmp_path: Path, shape: tuple, message: str) -> None:
    np.save(tmp_path / "a.npy", random(*shape))
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_npy(tmp_path / "a.npy", *SHAPE)
    if "transpose" in message:
        order = [int(axis) for axis in re.findall(r"\d", str(error.value).split("transpose")[1])]
        np.save(tmp_path / "a.npy", random(*shape).transpose(order))
        assert read_npy(tmp_path / "a.npy", *SHAPE).shape[0] == 40


def test_arrays_of_objects_and_words_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([None, 1]), allow_pickle=True)
    np.save(tmp_path / "words.npy", np.full((4, *SHAPE), "x"))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "words.npy").read_bytes()[:200])
    (tmp_path / "empty.npy").touch()
    kind = "cannot be read as an array ("
    refused = {"objects": kind, "words": "of <U1)", "cut": kind, "empty": kind}
    for name, message in refused.items():
        with pytest.raises(ValueError, match=re.escape(message)) as error:
            read_npy(tmp_path / f"{name}.npy", *SHAPE)
        assert f"{name}.npy'" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv' has no frame; write one line for each"),
        ("x,y\n", "a.csv' has no frame; write one line for each"),
        ("1,2,3,4\n1,2,3\n", "a.csv', line 2: expected 4 numbers, 2 for each of 2 joints (got 3)"),
        ("1,2,3,4\n\n1,,3,4\n", "a.csv', line 3: expected numbers (got '1, ...')"),
        ("1;2;3;4\n1;2;3;4\n", "a.csv', line 2: expected numbers (got '1;2;3;4, ...')"),
    ],
)
def test_tables_of_frames_that_cannot_be_read_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_csv(tmp_path / "a.csv", 2, 2)


def test_tables_of_frames_are_read_with_a_head_or_without(tmp_path: Path) -> None:
    for name, head in (("a", ""), ("b", "x0,y0,x1,y1\n"), ("c", "\ufeff")):
        (tmp_path / f"{name}.csv").write_text(f"{head}1,2,3,4\n5,6,7,8e0\n", encoding="utf-8")
        assert read_csv(tmp_path / f"{name}.csv", 2, 2).tolist() == [[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]]


def test_numbers_that_are_none_and_empty_clips_are_named(tmp_path: Path) -> None:
    layout = get_layout("coco-17")
    x = random(4, *SHAPE)
    np.save(tmp_path / "zero.npy", 0 * x)
    np.save(tmp_path / "nan.npy", np.where(np.arange(4)[:, None, None] == 2, np.nan, x))
    for name, message in (("zero", "has no skeleton: all its"), ("nan", "(got nan in frame 2, person 0, joint 0, ")):
        with pytest.raises(ValueError, match=re.escape(f"the clip '{name}.npy' ") + ".*" + re.escape(message)):
            list(read_folder(tmp_path, [{"file": f"{name}.npy"}], layout, 3))


def test_without_labels_a_folder_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", random(4, *SHAPE))
    with pytest.raises(FileNotFoundError, match="has no labels.csv; write one with the columns file and label"):
        read_table(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match="labels.csv|edges.csv") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)
