"""Training in phases: the loop goes from one to the next, and an interruption anywhere changes nothing."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection, GraphDataset
from graphkit.data.data_settings import DataSettings
from graphkit.experiments import evaluate_run, open_run
from graphkit.nn import SPAGAN
from graphkit.testing import random_graphs
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.phases import phase_dataset
from graphkit.training.progress import Progress
from graphkit.training.trainer import Trainer
from tests.experiments.test_run import StopAt, rows, weights
from tests.fitting import fit, load_dataset, resolve, resume, train_config

CONFIG: dict[str, Any] = {
    "model": {"name": "spagan", "hidden_channels": 8, "heads": 2, "iterations": 2, "dropout": 0.3},
    "data": {"name": "karate", "transforms": ["self-loops"]},
    "train": {"epochs": 4, "lr": 0.05, "schedule": "cosine"},
}


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phases") / "whole"
    fit(CONFIG, folder)
    return folder


def test_every_phase_has_its_epochs_and_its_schedule(full_run: Path) -> None:
    table = open_run(full_run).metrics
    assert [row["phase"] for row in table] == [1] * 4 + [2] * 4 + [3] * 4
    assert [row["epoch"] for row in table] == list(range(1, 13))
    assert [row["lr"] for row in table[:4]] == [row["lr"] for row in table[8:]] and table[0]["lr"] == 0.05
    assert table[3]["lr"] < table[4]["lr"]


def test_the_result_is_that_of_the_last_phase(full_run: Path) -> None:
    run = open_run(full_run)
    epoch = run.result["epochs"][0]
    assert epoch > 8 and int(run.model.phase) == 2
    last = [row["validation"] for row in run.metrics[8:]]
    assert run.result["validation"]["mean"] == run.metrics[epoch - 1]["validation"] == max(last)


def test_the_weights_alone_bring_the_paths_back(full_run: Path) -> None:
    run = open_run(full_run)
    assert evaluate_run(run)["test"] == run.result["test"]
    assert evaluate_run(run)["validation"] == run.result["validation"]
    assert len(run.predict()) == 34


@pytest.mark.parametrize("epoch", [1, 4, 5, 8, 11])
def test_an_interrupted_run_resumes_to_the_same_bits(full_run: Path, tmp_path: Path, epoch: int) -> None:
    folder = tmp_path / "run"
    label = "spagan" if epoch <= 4 else f"spagan phase {(epoch + 3) // 4}"
    with pytest.raises(Interrupted, match=f"interrupted after epoch {epoch}"):
        fit(CONFIG, folder, StopAt(label, epoch))
    result = resume(folder)
    first = json.loads((full_run / "result.json").read_text())
    assert result["test"] == first["test"] and result["epochs"] == first["epochs"]
    expected, resumed = weights(full_run), weights(folder)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert rows(folder) == rows(full_run)


def test_a_run_whose_end_was_lost_ends_again(full_run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(full_run, tmp_path / "run")
    for name in ("metrics.csv", "result.json", "fit.json", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    assert resume(tmp_path / "run")["test"] == json.loads((full_run / "result.json").read_text())["test"]
    assert rows(tmp_path / "run") == rows(full_run)


class Watcher(Progress):
    """Notes what a fit shows of its phases."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int, int]] = []

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.starts.append((label, epochs, epoch))


def test_early_stopping_ends_a_phase_but_not_before_its_least_epochs(tmp_path: Path) -> None:
    watcher = Watcher()
    train = {"epochs": 40, "patience": 2, "min_epochs": 5, "select": "loss", "lr": 1.0}  # too fast to go on improving
    fit(resolve(CONFIG, {"train": train}), tmp_path / "run", watcher)
    table = open_run(tmp_path / "run").metrics
    starts = [epoch for _, _, epoch in watcher.starts] + [len(table)]
    assert len(table) < 3 * 40  # a phase has ended early
    for begin, end in zip(starts[:-1], starts[1:], strict=True):
        losses = [row["validation_loss"] for row in table[begin:end]]
        best = min(range(len(losses)), key=losses.__getitem__)
        assert len(losses) == 40 or (len(losses) >= 5 and len(losses) - 1 - best >= 2)
        assert len(losses) <= max(5, best + 3)
    assert [label for label, _, _ in watcher.starts] == ["spagan", "spagan phase 2", "spagan phase 3"]
    assert [epochs - epoch for _, epochs, epoch in watcher.starts] == [40] * 3


def test_a_phase_begins_with_the_weights_chosen_in_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[tuple[dict[str, torch.Tensor], bool]] = []
    following = SPAGAN.begin_phase

    def watched(model: SPAGAN, data: Data) -> Data | None:
        states.append((copy.deepcopy(model.state_dict()), model.training))
        return following(model, data)

    monkeypatch.setattr(SPAGAN, "begin_phase", watched)
    config = train_config(CONFIG, {"model": {"iterations": 1}})
    dataset = load_dataset(config)
    one = Trainer(config, dataset, tmp_path, torch.device("cpu"), Progress(), "spagan")
    chosen: list[dict[str, torch.Tensor]] = []
    begin = Trainer._next_phase

    def noted(self: Trainer) -> bool:
        chosen.append(self.selection.weights)
        return begin(self)

    monkeypatch.setattr(Trainer, "_next_phase", noted)
    with InterruptFlag(Progress()) as flag:
        one.run(flag)
    assert len(states) == 1 and not states[0][1]
    assert all(torch.equal(states[0][0][name], chosen[0][name]) for name in chosen[0])
    assert torch.equal(one.model.guide_weight, chosen[0]["convs.0.weight"])


@pytest.mark.parametrize("share", [True, False])
def test_what_the_next_phase_goes_on_with(tmp_path: Path, share: bool) -> None:
    train = {"epochs": 1, "lr": 1e-9}  # stands almost still
    options = {"iterations": 1, "share_transform": share, "dropout": 0.0}
    fit(resolve(CONFIG, {"model": options, "train": train}), tmp_path / "run")
    state = weights(tmp_path / "run")
    assert torch.allclose(state["guide_weight"], state["convs.0.weight"], atol=1e-6) == share


def test_a_collection_of_graphs_carries_the_paths(tmp_path: Path) -> None:
    config = {
        "model": {"name": "spagan", "hidden_channels": 8, "heads": 2, "iterations": 1},
        "data": {"num_graphs": 30, "transforms": ["self-loops"]},
        "train": {"epochs": 2, "batch_size": 8},
    }
    result = fit(config, tmp_path / "run")
    assert result["epochs"][0] in (3, 4)
    run = open_run(tmp_path / "run")
    assert evaluate_run(run)["test"]["mean"] == pytest.approx(result["test"]["mean"])
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "again", StopAt("spagan phase 2", 3))
    resume(tmp_path / "again")
    expected, resumed = weights(tmp_path / "run"), weights(tmp_path / "again")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_paths_of_a_phase_are_those_of_each_graph_by_itself() -> None:
    graphs = random_graphs(5)
    collection = GraphCollection.from_list(graphs)
    config = train_config({"data": {"num_graphs": 10}})
    dataset = load_dataset(config).replace(graphs=collection)
    model = SPAGAN(5, 3, readout="mean")
    prepared = phase_dataset(dataset, model.begin_phase, torch.device("cpu"))
    assert prepared is not None
    for got, data in zip(prepared.graphs, graphs, strict=True):
        assert torch.equal(got.path_index_2, model.prepare(data).path_index_2)
    assert phase_dataset(dataset, model.begin_phase, torch.device("cpu")) is None


def test_a_held_out_fold_scores_the_last_phase_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = DataSettings.load

    def folds(settings: DataSettings, seed: int) -> GraphDataset:
        dataset = load(settings, seed)
        return dataset.replace(splits=dataset.splits * 2, protocol="fold")

    monkeypatch.setattr(DataSettings, "load", folds)
    result = fit(CONFIG, tmp_path / "run")
    assert result["selected_on"] == "fold" and result["epochs"][0] > 8
    folds = [fold.metrics for fold in open_run(tmp_path / "run").members]
    means = [(a["validation"] + b["validation"]) / 2 for a, b in zip(*folds, strict=True)][8:]
    assert result["test"]["mean"] == pytest.approx(max(means))


def test_data_with_paths_are_trained_in_one_phase(tmp_path: Path) -> None:
    transforms = ["self-loops", {"shortest-paths": {"max_hops": 2, "ratio": 0.5}}]
    fit(resolve(CONFIG, {"data": {"transforms": transforms}}), tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert {row["phase"] for row in run.metrics} == {1}
    assert evaluate_run(run)["test"] == run.result["test"]
