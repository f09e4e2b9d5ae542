"""Class weights: values, effect on the loss and the training, refusals, and a resumed run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

import graphkit
from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.experiments import build_config, open_run, resume, run
from graphkit.tasks import Classification
from graphkit.training.fit_task import fit_task
from graphkit.training.train_config import TrainSettings
from tests.experiments.test_callbacks import FailsAt, Records, same_weights

RARE = {"model": {"name": "gcn", "dropout": 0.0}, "data": {"name": "karate"}, "train": {"epochs": 6}}


def nodes(train: list[int], **changes: Any) -> tuple[GraphDataset, Split]:
    """The karate club (13, 12, 4 and 5 nodes of four classes) with some training nodes."""
    dataset = graphkit.load("karate")
    return replace(dataset, **changes), replace(dataset.splits[0], train=torch.tensor(train))


def weights(class_weight: Any, train: list[int], **changes: Any) -> torch.Tensor:
    dataset, split = nodes(train, **changes)
    task = fit_task(dataset, split, TrainSettings(class_weight=class_weight), training=True)
    assert isinstance(task, Classification) and task.class_weight is not None
    return task.class_weight


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    dataset, y = graphkit.load("karate"), graphkit.load("karate").graphs[0].y
    train = torch.arange(0, 34, 2)
    expected = compute_class_weight("balanced", classes=dataset.graphs[0].y.unique().numpy(), y=y[train].numpy())
    assert weights("balanced", train.tolist()).tolist() == pytest.approx(expected.tolist())


def test_a_class_without_training_items_has_no_weight() -> None:
    y = graphkit.load("karate").graphs[0].y
    train = torch.cat([(y == 0).nonzero()[:6, 0], (y == 1).nonzero()[:2, 0]]).tolist()
    balanced = weights("balanced", train)
    assert balanced.tolist() == pytest.approx([8 / (2 * 6), 8 / (2 * 2), 0, 0])


def test_given_weights_have_a_mean_of_one_over_the_training_items() -> None:
    y, train = graphkit.load("karate").graphs[0].y, list(range(20))
    given = weights([1, 2, 4, 8], train)
    assert (given / given[0]).tolist() == pytest.approx([1, 2, 4, 8])
    assert float(given[y[train]].mean()) == pytest.approx(1)
    assert given.tolist() == pytest.approx(weights([10, 20, 40, 80], train).tolist())
    assert given.tolist() == pytest.approx(weights({"3": 8, "0": 1, "2": 4, "1": 2}, train).tolist())
    named = weights({"d": 8, "a": 1, "c": 4, "b": 2}, train, class_names=("a", "b", "c", "d"))
    assert given.tolist() == pytest.approx(named.tolist())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_mean_of_weighted_losses_for_any_slices(smoothing: float) -> None:
    task = Classification.__subclasses__()[0]()
    task.class_weight, task.label_smoothing = torch.tensor([0.5, 3.0]).double(), smoothing
    output, y = torch.randn(7, 2), torch.tensor([0, 0, 1, 0, 0, 1, 0])
    per_item = [
        torch.nn.functional.cross_entropy(o, c, label_smoothing=smoothing) for o, c in zip(output, y, strict=True)
    ]
    expected = sum(loss * (0.5, 3.0)[c] for loss, c in zip(per_item, y.tolist(), strict=True)) / 7
    assert float(task.loss(output, y)) == pytest.approx(float(expected), rel=1e-6)
    slices = [(task.loss(output[part], y[part]), task.share(y[part])) for part in (slice(0, 2), slice(2, 7))]
    joined = sum(loss * share for loss, share in slices) / task.share(y)
    assert float(joined) == pytest.approx(float(expected), rel=1e-6)


def test_weights_apply_to_training_only_and_replace_those_of_the_metric() -> None:
    dataset, split = nodes(list(range(20)), metric="balanced-accuracy")
    settings = TrainSettings(class_weight="balanced")
    assert fit_task(dataset, split, settings).class_weight is None
    assert fit_task(dataset, split, settings).looks_around
    assert not fit_task(dataset, split, settings, training=True).looks_around


def test_weights_move_predictions_to_the_heavy_class(tmp_path: Path) -> None:
    counts = []
    for weight in ([1, 1, 1, 1], [1, 1, 1, 1000]):
        settings = {**RARE, "train": {"epochs": 30, "class_weight": weight}}
        fit = run(build_config("train", settings, recipe="none"), tmp_path / str(weight[-1]))
        graph = fit.dataset.graphs[0]
        counts.append(int((fit.model(**fit.model.inputs(graph)).argmax(1) == 3).sum()))
    assert counts[1] > counts[0]


def test_a_weighted_run_with_callbacks_resumes_to_the_same_bits(tmp_path: Path) -> None:
    settings = {
        **RARE,
        "model": {"name": "gcn"},
        "train": {"epochs": 6, "class_weight": {"0": 1, "1": 2, "2": 3, "3": 4}},
    }
    config = build_config("train", settings, recipe="none")
    expected = run(config, tmp_path / "full").result
    with pytest.raises(KeyError):
        run(config, tmp_path / "run", callbacks=[FailsAt("epoch", 3)])
    records = Records()
    result = resume(tmp_path / "run", callbacks=[records]).result
    assert records.events[0] == ("begin", "", 0, 3) and result["test"] == expected["test"]
    assert same_weights(tmp_path / "full", tmp_path / "run")
    assert open_run(tmp_path / "run").config.train.class_weight == {"0": 1.0, "1": 2.0, "2": 3.0, "3": 4.0}


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balancd", "must be one of balanced, a list, a mapping, or none (got 'balancd')"),
        ([0, 1, 1, 1], "must be positive (got 0)"),
        ([-1, 1, 1, 1], "must be positive (got -1)"),
        ([float("nan"), 1, 1, 1], "must be a number (got nan)"),
        ([1, 2], "must have one number per class (got 2 for 4 classes: '0, 1, 2, 3')"),
        ({"0": 1, "1": "x", "2": 1, "3": 1}, "must be a number (got 'x')"),
        ({"0": 1, "chess": 1}, "must have one number per class ('chess' is not a class); name each of the 4 classes"),
        ({"0": 1, "1": 1, "2": 1}, "must have one number per class ('3' has no weight); name each of the 4 classes"),
    ],
)
def test_wrong_weights_are_one_line(class_weight: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        run(build_config("train", {**RARE, "train": {"class_weight": class_weight}}, recipe="none"), tmp_path / "run")
    assert str(error.value).startswith(f"`train.class_weight` {message}") and "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("task", "metric"), [("node-regression", "mae"), ("multilabel-node-classification", "roc-auc")]
)
def test_other_tasks_are_refused(task: str, metric: str) -> None:
    dataset, split = nodes([0, 1], task=task, metric=metric)
    with pytest.raises(InputError, match=f"is for tasks with one class per item .got .1.0,. for {task}.; leave it out"):
        fit_task(dataset, split, TrainSettings(class_weight=[1], standardize=False), training=True)


def test_several_labels_are_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    data = {"name": "factor-graphs", "num_graphs": 20}
    settings = {"model": {"name": "gcn"}, "data": data, "train": {"class_weight": "balanced"}}
    with pytest.raises(
        InputError, match="`train.class_weight` is for tasks with one class per item .got 'balanced' for"
    ):
        run(build_config("train", settings, recipe="none"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
