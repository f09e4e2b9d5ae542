"""Training and using a model on batches of the nodes of one graph."""

from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.experiments import evaluate_run, open_run
from graphkit.nn import SPAGAN
from graphkit.nn.attended_paths import attended_paths
from graphkit.report.collect_paths import path_examples
from graphkit.sampling import NodeLoader
from graphkit.training import node_batches
from graphkit.training.interrupt import Interrupted
from graphkit.training.node_batches import attended, drawing, node_loader
from tests.experiments.test_run import StopAt, weights
from tests.fitting import fit, load_dataset, resolve, resume, train_config

CONFIG: dict[str, Any] = {
    "model": {"name": "spagan", "hidden_channels": 8, "heads": 2, "iterations": 2, "dropout": 0.0},
    "data": {"name": "sbm-continual", "num_classes": 3, "size": 30, "noise": 1.0},
    "train": {"epochs": 3, "lr": 0.02, "optimizer": "sgd", "batch_size": 20},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batches") / "run"
    fit(CONFIG, folder)
    return folder


@pytest.mark.parametrize("transforms", [[], ["self-loops", {"shortest-paths": {"ratio": 0.5}}]])
def test_one_batch_of_all_training_nodes_trains_as_the_whole_graph(tmp_path: Path, transforms: list) -> None:
    states, tables = [], []
    for name, batch_size in (("whole", None), ("batches", 54)):
        layer = {"train": {"batch_size": batch_size, "momentum": 0.0}, "data": {"transforms": transforms}}
        fit(resolve(CONFIG, layer), tmp_path / name)
        states.append(weights(tmp_path / name))
        tables.append(open_run(tmp_path / name).metrics)
    assert [row["phase"] for row in tables[0]] == [row["phase"] for row in tables[1]]
    for ours, theirs in zip(*tables, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], abs=1e-5)
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, atol=1e-5, rtol=1e-4)


def test_an_epoch_takes_one_step_for_each_batch(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    cut = NodeLoader.__iter__

    def watched(self: NodeLoader) -> Any:
        for batch in cut(self):
            steps.append(batch.batch_size)
            yield batch

    monkeypatch.setattr(NodeLoader, "__iter__", watched)
    fit(resolve(CONFIG, {"train": {"epochs": 1}, "model": {"iterations": 0}}), tmp_path / "run")
    assert steps == [20, 20, 14] + [18] + [18]  # training, validation, and the test at the end


@pytest.mark.parametrize("epoch", [2, 3, 5])
def test_an_interrupted_run_goes_on_to_the_same_weights(run: Path, tmp_path: Path, epoch: int) -> None:
    label = "spagan" if epoch <= 3 else "spagan phase 2"
    with pytest.raises(Interrupted):
        fit(CONFIG, tmp_path / "run", StopAt(label, epoch))
    resume(tmp_path / "run")
    expected, resumed = weights(run), weights(tmp_path / "run")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_workers_change_nothing(run: Path, tmp_path: Path) -> None:
    fit(resolve(CONFIG, {"train": {"workers": 1}}), tmp_path / "run")
    expected, helped = weights(run), weights(tmp_path / "run")
    assert all(torch.equal(expected[name], helped[name]) for name in expected)


def test_scores_and_predictions_are_those_of_the_whole_graph(run: Path) -> None:
    opened = open_run(run)
    assert evaluate_run(opened)["test"] == opened.result["test"]
    data = opened.dataset.graphs[0]
    expected = opened.model(**opened.model.inputs(data)).softmax(dim=-1)
    for predictions in (opened.predict(), opened.predict(data)):
        torch.testing.assert_close(torch.tensor(predictions.probability), expected.detach(), atol=1e-6, rtol=0)


def test_attended_paths_are_those_of_the_whole_graph(run: Path) -> None:
    opened = open_run(run)
    assert isinstance(opened.model, SPAGAN)
    nodes = [3, 70, 12]
    expected, cut = attended_paths(opened.model, opened.dataset.graphs[0], nodes), attended(
        opened.model, opened.dataset, nodes, 2
    )  # fmt: skip
    for node in nodes:
        assert [path.nodes for path in cut[node]] == [path.nodes for path in expected[node]]
        for ours, theirs in zip(cut[node], expected[node], strict=True):
            assert ours[1:] == pytest.approx(theirs[1:], abs=1e-6)
    assert all(example.center in opened.split.test for example in path_examples(opened))


def test_a_large_graph_is_gone_through_in_batches_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(train_config(CONFIG))
    model = SPAGAN.from_data(dataset)
    assert node_loader(model, dataset, None) is None
    monkeypatch.setattr(node_batches, "LARGE", 90)
    loader = node_loader(model, dataset, None)
    assert loader is not None and loader.batch_size == 1024


def test_models_that_need_the_whole_graph_get_it(tmp_path: Path) -> None:
    for name, batch_size in (("batches", 20), ("whole", None)):
        train = {"epochs": 1, "optimizer": "sgd", "batch_size": batch_size}
        fit({"model": {"name": "dgcnn", "hidden_channels": 4, "k": 3}, "data": CONFIG["data"], "train": train},
            tmp_path / name)  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(*(weights(tmp_path / n).values() for n in ("batches", "whole")),
                                                strict=True))  # fmt: skip


MODELS: list[dict[str, Any]] = [
    {"name": "gcn"}, {"name": "gcn", "num_layers": 3}, {"name": "gat", "heads": 2}, {"name": "gin"}, {"name": "mlp"},
    {"name": "factorgcn", "discriminator": 0.0}, {"name": "factorgcn", "norm": "source", "size_norm": True, "gain": 1.0,
                                                  "discriminator": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: "-".join(map(str, model.values())))
def test_every_model_trains_on_one_batch_as_on_the_whole_graph(model: dict[str, Any], tmp_path: Path) -> None:
    states, tables, results = [], [], []
    for name, batch_size in (("whole", None), ("batches", 54)):
        train = {"epochs": 3, "lr": 0.02, "optimizer": "sgd", "momentum": 0.0, "batch_size": batch_size}
        layer = {"model": {"hidden_channels": 8, "dropout": 0.0, **model}, "data": CONFIG["data"], "train": train}
        results.append(fit(layer, tmp_path / name))
        states.append(weights(tmp_path / name))
        tables.append(open_run(tmp_path / name).metrics)
    for ours, theirs in zip(*tables, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], abs=1e-5)
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, atol=1e-5, rtol=1e-4)
    assert results[0]["test"] == results[1]["test"]


@pytest.mark.parametrize("name", ["gcn", "gat", "factorgcn", "mlp"])
def test_neighbors_are_drawn_in_training_and_never_in_validation(name: str, tmp_path: Path) -> None:
    config = {"model": {"name": name}, "data": CONFIG["data"],
              "train": {"epochs": 2, "batch_size": 20, "num_neighbors": 2}}  # fmt: skip
    once, again = (fit(config, tmp_path / run_name) for run_name in ("once", "again"))
    assert once["validation"] == again["validation"]
    opened = open_run(tmp_path / "once")
    data = opened.dataset.graphs[0]
    with torch.no_grad():
        correct = opened.model(**opened.model.inputs(data)).argmax(dim=1) == data.y
    assert once["validation"]["mean"] == pytest.approx(float(correct[opened.split.val].float().mean()))
    edges = [batch.num_edges for batch in drawing(node_loader(opened.model, opened.dataset, 20), [2])]
    all_edges = [batch.num_edges for batch in node_loader(opened.model, opened.dataset, 20)]
    assert edges == all_edges == [0] * 5 if name == "mlp" else max(edges) < min(all_edges) // 2


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"num_neighbors": 5}, "batches of nodes, and there are none here \\(got \\[5\\]\\); set train.batch_size"),
        ({"num_neighbors": [5, 5, 5], "batch_size": 20}, "one for each of the 2 layers .* \\(got \\[5, 5, 5\\]\\)"),
        ({"num_neighbors": [0], "batch_size": 20}, "`train.num_neighbors` must be a list of whole numbers"),
        ({"num_neighbors": 2.5, "batch_size": 20}, "`train.num_neighbors` must be a whole number"),
    ],
)
def test_wrong_numbers_of_neighbors_leave_no_folder(train: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        fit({"model": {"name": "gcn"}, "data": CONFIG["data"], "train": train}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, "many"])
def test_a_batch_has_one_node_at_least(batch_size: object) -> None:
    with pytest.raises(ValueError, match="`train.batch_size` must be a(t least 1| whole number)"):
        resolve(CONFIG, {"train": {"batch_size": batch_size}})
