"""Files of clips that are damaged, ambiguous or ask for more than they hold: one line with the name, and no memory."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from graphkit.skeleton import SkeletonLayout, get_layout
from graphkit.skeleton.readers.clip_file import read_clip_file
from graphkit.skeleton.readers.folder import read_npy, read_table
from graphkit.skeleton.readers.kinetics import read_kinetics

LAYOUT = get_layout("openpose-18")


@pytest.mark.parametrize("shape", [(2, 64, 18, 3), (1, 40, 18, 3), (5, 6, 18, 3), (90, 33, 18, 3)])
def test_person_first_clips_are_refused_with_the_way_out(tmp_path: Path, shape: tuple) -> None:
    x = np.ones(shape, dtype=np.float32)
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(ValueError, match=re.escape("save x.transpose(1, 0, 2, 3)")) as error:
        read_npy(tmp_path / "a.npy", 18, 3)
    assert "at most as many persons as frames, and at most 32" in str(error.value) and "a.npy'" in str(error.value)
    if shape[0] <= 32:
        np.save(tmp_path / "a.npy", x.transpose(1, 0, 2, 3))
        assert read_npy(tmp_path / "a.npy", 18, 3).shape[:2] == (shape[1], shape[0])


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", header("(1000000000, 18, 3)") + b"abcd"),
        ("a.npy", header("(2, 18, 3")),
        ("a.npy", header("((((((2, 18, 3)")),
        ("a.npy", b"PK\x03\x04"),
        ("a.csv", "é".encode("latin-1") * 54),
        ("a.csv", b"1," * 200_000),
        ("a.csv", b'"' + b"1" * 200_000),
        ("a.json", b"[" * 200_000),
        ("a.json", b"\xff\xfe"),
        ("a.json", b'{"data": [{"frame_index": 1e999, "skeleton": [1]}]}'),
        ("a.json", b'{"data": [{"frame_index": 1, "skeleton": [{"pose": [1' + b"0" * 400 + b'], "score": []}]}]}'),
        ("a.json", b'{"skeletons": [[[1' + b"0" * 400 + b", 0, 0]]]}"),
        ("a.json", b'{"skeletons": ' + b"[" * 90 + b"]" * 90 + b"}"),
        ("a.skeleton", b"\xff\xfe\x00"),
        ("a.skeleton", "１\n０\n".encode()),
        ("a.skeleton", b"9" * 6000),
    ],
)
def test_whatever_a_parser_raises_is_one_line_with_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"'{tmp_path / name}'")) as error:
        read_clip_file(tmp_path / name, LAYOUT, 3)
    assert type(error.value).__name__ == "InputError" and "\n" not in str(error.value) and len(str(error.value)) < 700


def person() -> dict:
    return {"pose": [0.1] * 36, "score": [1] * 18}


@pytest.mark.parametrize(
    ("numbers", "persons", "message"),
    [
        ([1, 4_000_000], 1, "100,000 frames from its smallest to its largest `frame_index` (got 4,000,000); cor"),
        ([-(10**300), 1], 1, "from its smallest to its largest `frame_index` (got 1,000,000,000,000,000)"),
        ([1, 99_000], 5, "99,000 frames would take 204 MB, more than 100 times the file"),
    ],
)
def test_frame_numbers_far_apart_are_refused(tmp_path: Path, numbers: list, persons: int, message: str) -> None:
    data = [{"frame_index": number, "skeleton": [person()] * persons} for number in numbers]
    (tmp_path / "a.json").write_text(json.dumps({"data": data, "label_index": 0}))
    for read in (lambda: read_clip_file(tmp_path / "a.json", LAYOUT, 3), lambda: list(read_kinetics(tmp_path))):
        with pytest.raises(ValueError, match=re.escape(message)):
            read()


def test_labels_outside_of_the_set_and_tables_that_are_no_text_are_refused(tmp_path: Path) -> None:
    content = {"data": [{"frame_index": 1, "skeleton": [person()]}], "label_index": 10**30}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="`label_index` must be a whole number from 0 to 399 .got 1000000"):
        list(read_kinetics(tmp_path))
    (tmp_path / "labels.csv").write_bytes("file,label\né.npy,a\n".encode("latin-1"))
    with pytest.raises(ValueError, match="labels.csv' cannot be read .*; write it as a table with commas in UTF-8"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"edges": [[20_000, 0]]}, "a layout has at most 1024 joints (got 20,001)"),
        ({"edges": [[10**30, 0]]}, "a layout has at most 1024 joints (got 1,000,000"),
        ({"edges": [], "num_joints": 10**9}, "a layout has at most 1024 joints (got 1,000,000,000)"),
        ({"edges": [["1", 0]]}, "a bone must name joints by whole numbers, counted from 0 (got ['1', 0])"),
        ({"edges": [[1.5, 0]]}, "a bone must name joints by whole numbers"),
        ({"edges": 3}, "`edges` must be a list of pairs of joints (got 3)"),
        ({"edges": [3]}, "a bone must name joints by their numbers (got 3)"),
        ({"edges": [[1, 0]], "center": "nose"}, "`center` must name joints by whole numbers, counted from 0"),
        ({"edges": [[1, 0]], "joints": "ab"}, "`joints` must be a list of names (got 'ab')"),
        ({"edges": [[1, 0]], "up": [0.5, 1]}, "`up` must name joints by whole numbers"),
    ],
)
def test_layouts_are_checked_before_anything_is_made_of_them(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        SkeletonLayout.from_edges(**arguments)


def test_a_long_chain_of_bones_is_a_layout_and_a_long_ring_is_none() -> None:
    assert SkeletonLayout.from_edges([(joint + 1, joint) for joint in range(1023)]).num_joints == 1024
    with pytest.raises(ValueError, match="bones must not form a ring .joint 0 is in"):
        SkeletonLayout.from_edges([(joint, (joint + 1) % 1024) for joint in range(1024)])
