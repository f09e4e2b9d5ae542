"""Targets of own data: the options `task` and `target`, inference, regression, and new data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphkit.data import GraphDataset, load, write_folder
from graphkit.data.user import load_own
from graphkit.errors import InputError

EDGES = "source,target\n" + "".join(f"n{k},n{(k + 1) % 12}\n" for k in range(12))


def tables(folder: Path, **columns: list[Any]) -> Path:
    """Writes a ring of twelve nodes with columns."""
    folder.mkdir(exist_ok=True)
    columns = {"id": [f"n{k}" for k in range(12)], "age": list(range(12)), **columns}
    rows = zip(*columns.values(), strict=True)
    (folder / "nodes.csv").write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    (folder / "edges.csv").write_text(EDGES)
    return folder


def new(path: Path, dataset: GraphDataset, **options: Any) -> GraphDataset:
    return load_own(path, options, like=dataset)


HALVES = [k / 2 for k in range(12)]
PARTS = ["train"] * 6 + ["val"] * 3 + ["test"] * 3


def test_decimal_numbers_are_a_regression_of_nodes(tmp_path: Path) -> None:
    dataset = load(tables(tmp_path, label=["", *HALVES[1:]], split=["", *PARTS[1:]]))
    assert (dataset.task, dataset.level, dataset.metric) == ("node-regression", "node", "mae")
    assert dataset.is_single_graph and dataset.num_outputs == 1 and dataset.class_names == ("label",)
    y = dataset.graphs[0].y
    assert y.shape == (12, 1) and bool(y[0].isnan()) and torch.equal(y[1:, 0], torch.tensor(HALVES[1:]))
    assert "node regression" in dataset.notes[0] and "data.task=classification" in dataset.notes[0]
    drawn = load(tmp_path, split="0.5,0.25,0.25").splits[0]
    assert 0 not in torch.cat([drawn.train, drawn.val, drawn.test]) and drawn.train.numel() == 6


@pytest.mark.parametrize(
    ("label", "task", "expected", "names"),
    [
        (["a", "b"] * 6, None, "node-classification", ("a", "b")),
        ([1, 2.0] * 6, None, "node-classification", ("1", "2")),
        ([0.5, 1.5] * 6, "classification", "node-classification", ("0.5", "1.5")),
        ([1, -1] * 6, "regression", "node-regression", ("label",)),
        ([0, 1] * 6, "multilabel-node-classification", "multilabel-node-classification", ("label",)),
        (list(range(12)), "node-regression", "node-regression", ("label",)),
    ],
)
def test_the_task_is_inferred_or_given(
    tmp_path: Path, label: list[Any], task: str | None, expected: str, names: tuple[str, ...]
) -> None:
    dataset = load(tables(tmp_path, label=label), task=task)
    assert (dataset.task, dataset.class_names) == (expected, names) and not dataset.notes
    if expected == "node-regression":  # -1 is a value
        assert dataset.graphs[0].y[:2, 0].tolist() == [float(value) for value in label[:2]]


def test_several_targets_are_labels_or_numbers(tmp_path: Path) -> None:
    path = tables(tmp_path, sport=[0, 1, ""] * 4, music=[1, 1, 0] * 4, price=["", *HALVES[1:]])
    dataset = load(path, target="sport, music", ignore="price")
    assert (dataset.task, dataset.class_names) == ("multilabel-node-classification", ("sport", "music"))
    assert dataset.num_features == 1
    dataset = load(path, target="price,sport")
    assert (dataset.task, dataset.class_names) == ("node-regression", ("price", "sport"))
    y = dataset.graphs[0].y
    assert y[1].tolist() == [0.5, 1.0] and torch.equal(y.isnan().sum(dim=0), torch.tensor([1, 4]))


BAD = {
    "unknown task": ({"task": "ranking"}, "`data.task` must be one of node-classification"),
    "graphs": ({"task": "graph-regression"}, "nodes.csv' has targets of nodes, which is not 'graph-regression'"),
    "two classes each": ({"target": "label,kind", "task": "node-classification"}, "needs one target per node .got 2"),
    "words as numbers": ({"target": "kind", "task": "regression"}, "line 2, column 'kind': must be a finite number"),
    "words as labels": (
        {"target": "kind", "task": "multilabel-node-classification"},
        "line 2, column 'kind': must be 0, 1 or empty .got 'r'",
    ),
    "infinite": ({"target": "far", "task": "regression"}, "line 3, column 'far': must be a finite number"),
    "no column": ({"target": "price"}, "nodes.csv' has no column 'price'"),
    "one value": ({"target": "same", "task": "regression"}, "the target 'same' must have two values or more"),
    "no value": ({"target": "none", "task": "regression"}, "no node has a label"),
    "one of two without values": ({"target": "label,none"}, "the target 'none' must have two values or more .got none"),
    "some decimals": ({"target": "mixed"}, "line 3, column 'mixed': must be a class, a word or a whole number"),
    "percentages": ({"target": "share", "task": "regression"}, "got '1 %', a percentage.; write 0.12 or 12 for 12 %"),
    "ignored": ({"ignore": "label"}, "the target 'label' is in data.ignore"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_targets_that_do_not_fit_are_one_clear_line(tmp_path: Path, options: dict[str, str], message: str) -> None:
    columns = {
        "kind": list("rs") * 6,
        "share": ["1 %"] * 12,
        "far": [1, "inf"] * 6,
        "same": [3] * 12,
        "none": [""] * 12,
    }
    path = tables(tmp_path, label=HALVES, mixed=["a", 0.5] * 6, **columns)
    with pytest.raises(InputError, match=message) as error:
        load(path, **options)
    assert "\n" not in str(error.value)


def test_label_and_y_are_ambiguous(tmp_path: Path) -> None:
    path = tables(tmp_path, label=HALVES, y=list("ab") * 6)
    with pytest.raises(InputError, match="has `label` and `y`, one of which is the target"):
        load(path)
    assert load(path, target="y", ignore="label").class_names == ("a", "b")
    assert load(path, target="label").class_names == ("label",) and load(path, target="label").num_features == 3
    coordinates = tables(tmp_path / "xy", label=list("ab") * 6, x=HALVES, y=HALVES)
    assert load(coordinates).class_names == ("a", "b") and load(coordinates).num_features == 3
    assert load(tables(tmp_path / "y", y=list("ab") * 6)).class_names == ("a", "b")


def test_numbers_with_many_values_may_be_meant_as_a_regression(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="different class.*--set data.task=regression"):
        load(tables(tmp_path, label=list(range(12))))


def test_arrays_hold_targets_under_any_name(tmp_path: Path) -> None:
    x, edge_index = np.random.rand(12, 2), np.array([range(12), [*range(1, 12), 0]])
    np.savez(tmp_path / "graph.npz", x=x, edge_index=edge_index, price=np.array(HALVES), size=np.arange(12))
    dataset = load(tmp_path / "graph.npz", target="price,size")
    assert (dataset.task, dataset.class_names) == ("node-regression", ("price", "size"))
    assert dataset.graphs[0].y[3].tolist() == [1.5, 3.0]
    dataset = load(tmp_path / "graph.npz", target="size", ignore="price", task="regression")
    assert dataset.class_names == ("size",) and dataset.graphs[0].y.shape == (12, 1)
    torch.save({"x": torch.rand(12, 2), "edge_index": torch.from_numpy(edge_index), "price": HALVES}, tmp_path / "g.pt")
    assert load(tmp_path / "g.pt", target="price").task == "node-regression"


def test_folders_of_arrays_hold_regression_targets(tmp_path: Path) -> None:
    y = np.array(HALVES)
    y[3] = np.nan
    write_folder(tmp_path / "g", x=np.random.rand(12, 2), edge_index=np.array([range(12), [*range(1, 12), 0]]), y=y)
    dataset = load(tmp_path / "g")
    assert (dataset.task, dataset.mapped) == ("node-regression", True) and dataset.graphs[0].y.shape == (12, 1)
    assert 3 not in torch.cat(list(vars(dataset.splits[0]).values()))


def test_new_data_need_no_targets_and_take_the_classes_of_the_training_data(tmp_path: Path) -> None:
    dataset = load(tables(tmp_path / "old", label=list("abcabcabcabc"), split=PARTS))
    same = new(tables(tmp_path / "same", label=["c", "", *"aaaaaaaaaa"], split=PARTS), dataset)
    assert same.graphs[0].y.tolist() == [2, -1, *[0] * 10] and same.splits == () and same.class_names == tuple("abc")
    bare = new(tables(tmp_path / "bare"), dataset)
    assert bare.graphs[0].y.tolist() == [-1] * 12 and bare.task == dataset.task
    with pytest.raises(InputError, match="line 3, column 'label': must be a class of the training data, a, b, c"):
        new(tables(tmp_path / "other", label=["c", "d", *"aaaaaaaaaa"]), dataset)
    np.savez(tmp_path / "g.npz", x=np.random.rand(3, 1), edge_index=np.array([[0, 1], [1, 2]]), y=np.array([2, -1, 0]))
    named = load(tables(tmp_path / "numbers", label=[0, 1, 2] * 4), ignore="")
    assert new(tmp_path / "g.npz", named).graphs[0].y.tolist() == [2, -1, 0]


def test_graphs_are_no_new_data_of_a_model_of_clips(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has graphs, and the training data of synthetic-skeleton have skeleton clips"):
        new(tables(tmp_path), load("synthetic-skeleton", num_clips=10))


def test_new_data_of_a_regression_may_have_some_of_the_targets(tmp_path: Path) -> None:
    dataset = load(tables(tmp_path / "old", price=HALVES, size=HALVES), target="price,size")
    one = new(tables(tmp_path / "new", size=[7] * 12), dataset, target="price,size")
    assert one.graphs[0].y.isnan().all(dim=0).tolist() == [True, False] and one.class_names == ("price", "size")
    none = new(tables(tmp_path / "bare"), dataset, target="price,size")
    assert none.graphs[0].y.shape == (12, 2) and bool(none.graphs[0].y.isnan().all())
    np.savez(tmp_path / "g.npz", x=np.random.rand(3, 1), edge_index=np.array([[0, 1], [1, 2]]), y=np.zeros((3, 3)))
    with pytest.raises(InputError, match="`y` must have 2 columns, as in training .got 3"):
        new(tmp_path / "g.npz", dataset)
