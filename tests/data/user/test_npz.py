import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.data import load


def arrays(**changes: object) -> dict[str, object]:
    content = {
        "edge_index": np.array([[0, 1, 2], [1, 2, 3]]),
        "x": np.arange(8, dtype=np.float64).reshape(4, 2),
        "y": np.array([0, 1, 1, 0]),
        "train_mask": np.array([True, True, False, False]),
        "val_mask": np.array([False, False, True, False]),
        "test_mask": np.array([False, False, False, True]),
        **changes,
    }
    return {name: value for name, value in content.items() if value is not None}


def save(folder: Path, **changes: object) -> Path:
    np.savez(folder / "graph.npz", **arrays(**changes))
    return folder / "graph.npz"


def test_a_graph_of_arrays(tmp_path: Path) -> None:
    dataset = load(save(tmp_path))
    data = dataset.graphs[0]
    assert data.x.dtype == torch.float and data.x.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert data.y.tolist() == [0, 1, 1, 0] and data.num_edges == 6
    assert [ids.tolist() for ids in vars(dataset.splits[0]).values()] == [[0, 1], [2], [3]]
    assert dataset.name == "graph" and dataset.class_names == ("0", "1") and dataset.node_names == ()


def test_names_several_splits_weights_and_words(tmp_path: Path) -> None:
    masks = {
        "train_mask": np.array([[1, 0], [1, 0], [0, 1], [0, 1]]),
        "val_mask": np.array([[0, 1], [0, 0], [1, 0], [0, 0]]),
        "test_mask": np.array([[0, 0], [0, 1], [0, 0], [1, 0]]),
    }
    dataset = load(
        save(
            tmp_path,
            **masks,
            y=np.array(["spam", "ham", "ham", ""]),
            edge_weight=np.array([1.0, 2.0, 3.0]),
            node_names=np.array(["a", "b", "c", "d"]),
        ),
        split="0.4,0.3,0.3",
    )
    assert dataset.class_names == ("ham", "spam") and dataset.node_names == ("a", "b", "c", "d")
    assert dataset.graphs[0].y.tolist() == [1, 0, 0, -1]
    assert dataset.graphs[0].edge_weight.sum() == 12
    assert len(load(save(tmp_path, **masks)).splits) == 2
    words = np.array(["train", "test", "val", "val"])
    words = load(save(tmp_path, train_mask=None, val_mask=None, test_mask=None, split=words))
    assert words.splits[0].val.tolist() == [2, 3]


def test_nan_marks_a_node_without_a_label(tmp_path: Path) -> None:
    path = save(tmp_path, y=np.array([0, 1, np.nan, 0]), train_mask=None, val_mask=None, test_mask=None)
    dataset = load(path, split="0.34,0.33,0.33")
    assert dataset.graphs[0].y.tolist() == [0, 1, -1, 0]
    assert 2 not in torch.cat(list(vars(dataset.splits[0]).values()))


def test_columns_of_zero_and_one_are_several_labels(tmp_path: Path) -> None:
    dataset = load(save(tmp_path, y=np.eye(4, 3), class_names=np.array(["a", "b", "c"])))
    assert dataset.task == "multilabel-node-classification" and dataset.class_names == ("a", "b", "c")


BAD = {
    "no edges": ({"edge_index": None}, "has no `edge_index`"),
    "no labels": ({"y": None}, "has no `y`"),
    "edges as rows": ({"edge_index": np.zeros((5, 2), int)}, r"shape \[2, edges\] \(got \[5, 2\]\); transpose"),
    "edges as floats": ({"edge_index": np.zeros((2, 5))}, "must hold whole numbers"),
    "edge to nowhere": ({"edge_index": np.array([[0], [4]])}, "edge 0 joins 0 and 4, but nodes are numbered 0 to 3"),
    "negative node": ({"edge_index": np.array([[0], [-1]])}, "edge 0 joins 0 and -1"),
    "NaN feature": ({"x": np.array([[0.0], [1], [np.nan], [2]])}, "feature 0 of node 2 must be a finite number"),
    "features of other length": ({"x": np.ones((3, 2))}, "`x` must have one row for each of the 4 nodes"),
    "features as text": ({"x": np.array([["a"]] * 4)}, "`x` must hold numbers"),
    "label -1 in the split": ({"y": np.array([0, 1, -1, 0])}, "node 2 is in the val part but has no label"),
    "gap in the labels": ({"y": np.array([0, 1, 7, 0])}, r"`y` must hold class numbers from 0 to 2, .*\(got 7\)"),
    "label beyond the names": (
        {"y": np.array([0, 1, 2, 0]), "class_names": np.array(["a", "b"])},
        r"from 0 to 1, one for each of the 2 class names \(got 2\)",
    ),
    "one value": ({"y": np.full(4, 0.5)}, "the target 'y' must have two values or more .got 0.5 only"),
    "infinite target": ({"y": np.array([0.5, np.inf, 2, 0])}, "the label of node 1 in `y` must be a finite number"),
    "columns of one number": ({"y": np.full((4, 2), 3)}, "the target '0' must have two values or more .got 3 only"),
    "no training node": ({"train_mask": np.zeros(4, bool)}, "no training node"),
    "a node in two parts": (
        {"test_mask": np.ones(4, bool)},
        "the split has node 0 more than once, in train and test .3 such nodes in all.; keep one",
    ),
    "only one mask": ({"val_mask": None}, "has `train_mask` but no `val_mask`"),
    "short mask": ({"val_mask": np.ones(3, bool)}, "`val_mask` must hold one boolean for each of the 4 nodes"),
    "mask of ids": ({"val_mask": np.array([2, 3, 1, 0])}, "`val_mask` must hold one boolean"),
    "transposed masks": ({"val_mask": np.ones((3, 4), bool)}, r"\[nodes, splits\].*\[3, 4\]\); transpose it"),
    "masks of other widths": ({"val_mask": np.eye(4, 2) > 0, "test_mask": np.eye(4, 3) > 0}, "as many columns"),
    "no split": ({"val_mask": np.ones((4, 0), bool)}, "must have 1 to 10000 columns"),
    "transposed features": ({"x": np.ones((3, 4))}, r"the shape \[3, 4\]\); transpose it"),
    "features beyond single precision": (
        {"x": np.full((4, 1), 1e300)},
        r"feature 0 of node 0 must be a finite number \(got inf; 4 such values in all\); replace it",
    ),
    "complex features": ({"x": np.ones((4, 1), complex)}, "`x` must hold numbers .got complex128"),
    "huge node id": ({"edge_index": np.array([[0], [2**40]])}, "edge 0 joins 0 and 1099511627776"),
    "huge class": ({"y": np.array([0, 1, 2**29, 0])}, r"from 0 to 2, without gaps \(got 536870912\)"),
    "infinite class": ({"y": np.array([0, 1, np.inf, 0])}, r"from 0 to 2, without gaps \(got inf\)"),
    "no labels at all": ({"y": np.full(4, -1)}, "no node has a label"),
    "no columns": ({"y": np.empty((4, 0))}, "columns .nodes, targets. .got float64 of shape .4, 0"),
    "names twice": ({"y": np.array(list("abca")), "class_names": np.array(["a"])}, "remove `class_names`"),
    "misspelt": ({"edge_wieght": np.ones(3)}, "unknown array 'edge_wieght'; did you mean 'edge_weight'"),
    "short weights": ({"edge_weight": np.ones(2)}, "one number for each of the 3 edges"),
    "NaN weight": ({"edge_weight": np.array([1, np.nan, 1])}, "the weight of edge 1"),
    "short names": ({"node_names": np.array(["a"])}, "`node_names` must have one entry per node"),
    "other split word": ({"split": np.array(["train", "val", "test", "dev"])}, "split of node 3 must be"),
    "objects": ({"x": np.array([print] * 4)}, "x.npy' holds Python objects, which could run code; it is refused"),
    "empty graph": ({"y": np.empty(0, int), "x": None, "train_mask": None, "val_mask": None, "test_mask": None,
                     "edge_index": np.empty((2, 0), int)}, "has no node"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_one_clear_line(tmp_path: Path, case: str) -> None:
    changes, message = BAD[case]
    with pytest.raises(ValueError, match=message) as error:
        load(save(tmp_path, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../x.npy", "/tmp/x.npy", "a/../../x.npy"])
def test_an_archive_with_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = save(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(ValueError, match="unsafe member"):
        load(path)


def test_damaged_and_empty_files(tmp_path: Path) -> None:
    path = save(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a readable archive"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        load(path)
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    path.write_bytes(content.replace(content[60:100], bytes(40)))
    with pytest.raises(ValueError, match="does not match its checksum"):
        load(path)


def test_minus_one_marks_a_node_without_a_label(tmp_path: Path) -> None:
    masks = {"train_mask": None, "val_mask": None, "test_mask": None}
    dataset = load(save(tmp_path, y=np.array([0, 1, -1, 0]), **masks), split="0.34,0.33,0.33")
    assert dataset.graphs[0].y.tolist() == [0, 1, -1, 0] and dataset.num_outputs == 2
    assert 2 not in torch.cat(list(vars(dataset.splits[0]).values()))
    y = np.array([[0, 1], [1, -1], [-1, -1], [1, 0]])
    dataset = load(save(tmp_path, y=y, **masks), split="0.34,0.33,0.33")
    assert sorted(torch.cat(list(vars(dataset.splits[0]).values())).tolist()) == [0, 1, 3]  # those with any label


def test_strings_mean_the_same_as_cells_of_a_table(tmp_path: Path) -> None:
    masks = {"train_mask": None, "val_mask": None, "test_mask": None}
    y = np.array(["spam", "spam", "ham", "ham", "None"])
    split = np.array(["train", "train", "val", "test", "nan"])
    dataset = load(save(tmp_path, y=y, x=np.ones((5, 1)), split=split, **masks))
    assert dataset.class_names == ("ham", "spam") and dataset.graphs[0].y.tolist() == [1, 1, 0, 0, -1]


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.encode().ljust(117) + b"\n"


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 1)",
        "{'descr\0: '<f4'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, -1), }",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1099511627776,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 4, }",
        "{'descr': 'what', 'fortran_order': False, 'shape': (4, 1), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
        "(" * 100,
    ],
)
def test_a_damaged_header_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = save(tmp_path, x=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.npy", header(text) + bytes(0 if "U0" in text else 16))
    with pytest.raises(ValueError, match=r"graph.npz(/x\.npy|': `x`)") as error:
        load(path)
    assert type(error.value).__name__ == "InputError" and "\n" not in str(error.value)


def test_an_archive_that_takes_far_more_than_its_size_is_refused_and_one_without_compression_is_not(
    tmp_path: Path,
) -> None:
    many = np.zeros((4, 2**22), np.float32)  # 64 MB, 64 kB in the file
    path = save(tmp_path)
    np.savez_compressed(path, **arrays(x=many))
    with pytest.raises(ValueError, match=r"the unpacked content would take 64 MB, more than 100 times.*without compr"):
        load(path)
    np.savez(path, **arrays(x=many))
    assert load(path).num_features == 2**22
    np.savez_compressed(path, **arrays(y=np.zeros(9_000_000, np.int8)))  # eight bytes each once they are read
    with pytest.raises(ValueError, match="its arrays would take 69 MB, more than 100 times"):
        load(path)


def test_other_members_and_damaged_compression(tmp_path: Path) -> None:
    path = save(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="unknown array 'readme.txt'.*--set data.ignore=readme.txt"):
        load(path)
    assert load(path, ignore="readme.txt").num_features == 2
    np.savez_compressed(path, **arrays())
    content = bytearray(path.read_bytes())
    for at in range(60, 160, 7):
        content[at] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read|does not match|not a readable archive") as error:
        load(path)
    assert type(error.value).__name__ == "InputError"


def test_a_target_that_does_not_exist_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="graph.npz' has no `kind` .found: edge_index, x, y"):
        load(save(tmp_path), target="kind")
