"""A user's folder of clips."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.data import SkeletonDataset, load

TABLE = "file,label,split\na.npy,run,train\nb.npy,sit,val\nc.csv,sit,test\nd.npy,run,train\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    generator = np.random.default_rng(0)
    np.save(folder / "a.npy", generator.random((5, 3, 2)))
    np.save(folder / "b.npy", generator.random((4, 2, 3, 2), dtype=np.float32))
    np.save(folder / "d.npy", generator.random((2, 3, 2)))
    (folder / "c.csv").write_text("x0,y0,x1,y1,x2,y2\n1,2,3,4,5,6\n7,8,9,10,11,12\n")
    (folder / "skeleton.json").write_text(json.dumps({"edges": [[1, 0], [2, 1]], "mirrored": [[0, 2]]}))
    (folder / "labels.csv").write_text(TABLE)
    return folder


def test_a_folder_becomes_a_data_set(folder: Path) -> None:
    dataset = load(folder, coordinates=2, center="none")
    assert isinstance(dataset, SkeletonDataset) and dataset.class_names == ("run", "sit")
    assert (len(dataset.graphs), dataset.num_persons, dataset.num_features) == (4, 2, 2)
    assert dataset.graphs[2].x[:, 0].flatten(1).tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
    split = dataset.splits[0]
    assert (split.train.tolist(), split.val.tolist(), split.test.tolist()) == ([0, 3], [1], [2])
    assert dataset.layout.name == "clips" and dataset.graphs.y.tolist() == [0, 1, 1, 0]
    bone = load(str(folder), coordinates=2, stream="bone", frames=3)
    assert bone.graphs[2].x[0, 0].tolist() == [[0, 0], [2, 2], [2, 2]] and bone.graphs[0].x.size(0) == 3


def test_a_split_is_drawn_where_the_table_has_none(folder: Path) -> None:
    rows = [f"{name},{label}" for name, label in zip("abcd", ("run", "sit", "sit", "run"), strict=True)]
    for row in rows:
        np.save(folder / f"{row[0]}.npy", np.random.default_rng(1).random((3, 17, 3)))
    (folder / "labels.csv").write_text("file,label\n" + "\n".join(row.replace(",", ".npy,", 1) for row in rows))
    dataset = load(folder, layout="coco-17", split="0.4,0.3,0.3")
    assert dataset.layout.name == "coco-17" and len(dataset.splits[0].train) == 2


@pytest.mark.parametrize("word", ["", "nan", "-1"])
def test_clips_without_a_label_are_never_drawn(folder: Path, word: str) -> None:
    rows = "".join(f"{number}.npy,{word if number == 4 else 'ab'[number % 2]}\n" for number in range(10))
    for number in range(10):
        np.save(folder / f"{number}.npy", np.ones((3, 3, 2)))
    (folder / "labels.csv").write_text("file,label\n" + rows)
    dataset = load(folder, coordinates=2, split="0.5,0.25,0.25")
    assert dataset.class_names == ("a", "b") and int(dataset.graphs.y[4]) == -1
    assert sorted(torch.cat(list(vars(dataset.splits[0]).values())).tolist()) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file\na.npy\n", "labels.csv' has no column 'label'; its first line must name file and label"),
        ("file,label\n", "labels.csv' names no clip; write one line for each below the first"),
        ("file,label\na.npy,\n", "there must be at least two labels (got none)"),
        ("file,label\n,run\n", "labels.csv', line 2: 'file' must not be empty; fill it in"),
        ("file,label\na.npy,0.5\n", "labels.csv': the label of clip 0 must be a class, a word or a whole number"),
        (TABLE.replace("c.csv,sit", "c.csv,nan"), "clip 'c.csv' is in the test part but has no label"),
        ("file,label\na.npy,run\na.npy,sit\n", "labels.csv', line 3: 'a.npy' is already in line 2"),
        (
            "file,label\na.npy,run\nb.npy,run\n",
            "there must be at least two labels (got 'run' only); add clips of another",
        ),
        ("file,label\na.npy,run\nx.npy,sit\n", "names 'x.npy', which is not in"),
        ("file,label\na.npy,run\n../b.npy,sit\n", "names '../b.npy', which is not in"),
        ("file,label\na.npy,run\nskeleton.json,sit\n", "must be a .npy or a .csv file (got '.json')"),
        (TABLE.replace("val", "dev"), "the split of clip 1 must be train, val, test or empty (got 'dev')"),
        (TABLE.replace("val", "train"), "the split has no validation clip; mark some"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(folder: Path, table: str, message: str) -> None:
    (folder / "labels.csv").write_text(table)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(message)):
        load(folder, coordinates=2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.zeros((5, 4, 2)), "must be [frames, 3 joints, 2] or [frames, persons, 3 joints, 2] of n"),
        ("a.npy", np.zeros((0, 3, 2)), "(got [0, 3, 2] of float64); see `data.layout` and `data.coordinates`"),
        ("a.npy", b"no array", "a.npy' cannot be read as an array ("),
        ("a.npy", np.zeros((5, 3, 2)), "the clip 'a.npy' has no skeleton: all its coordinates are zero; leave it out"),
        ("c.csv", b"1,2,3\n", "c.csv', line 1: expected 6 numbers, 2 for each of 3 joints (got 3)"),
        ("c.csv", b"1,2,3,4,5,6\n1,x,3,4,5,6\n", "c.csv', line 2: expected numbers (got '1, ...')"),
        ("c.csv", b"\n", "c.csv' has no frame; write one line for each"),
        ("skeleton.json", b"{", "skeleton.json' must hold the arguments of SkeletonLayout.from_edges"),
        ("skeleton.json", b'{"bones": []}', "unexpected keyword argument 'bones'"),
    ],
)
def test_files_that_cannot_be_used_are_refused(folder: Path, name: str, content: object, message: str) -> None:
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    else:
        np.save(folder / name, content)
    with pytest.raises(ValueError, match=re.escape(message)):
        load(folder, coordinates=2)


def test_an_unknown_layout_and_other_options_are_refused(folder: Path) -> None:
    (folder / "skeleton.json").unlink()
    with pytest.raises(ValueError, match=re.escape("are not known; name a layout with --set data.layout=coco-17, or")):
        load(folder)
    with pytest.raises(ValueError, match="unknown option of the data set 'clips' 'layouts'; did you mean 'layout'"):
        load(folder, layouts="coco-17")
