import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from graphkit.data import GraphDataset
from graphkit.data.data_settings import DataSettings
from graphkit.experiments import open_run
from graphkit.training.experiment import TrainExperiment
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.train_config import TrainConfig
from graphkit.training.trainer import Trainer
from tests.fitting import fit, load_dataset, resolve, resume, train_config

KEYS = {
    "command", "model", "dataset", "metric", "test", "validation", "selected_on", "seeds", "parameters", "seconds",
    "peak_memory_mb", "run",
}  # fmt: skip


def test_a_run_folder_holds_everything_of_one_run(small_run: Path) -> None:
    names = {path.name for path in small_run.iterdir()}
    assert names >= {"config.yaml", "env.json", "metrics.csv", "model.safetensors", "state.pt", "result.json"}
    result = json.loads((small_run / "result.json").read_text())
    assert result.keys() >= KEYS | {"ged_e", "c_score", "untrained_ged_e", "random_ged_e", "edge_auc", "saturated"}
    assert result["selected_on"] == "validation" and result["seeds"] == [0]
    assert (small_run / "metrics.csv").read_text().count("\n") == 7


def test_the_same_configuration_gives_the_same_numbers(small_run: Path, tmp_path: Path) -> None:
    again = fit(yaml.safe_load((small_run / "config.yaml").read_text()), tmp_path / "again")
    first = json.loads((small_run / "result.json").read_text())
    assert again["test"] == first["test"] and again["ged_e"] == first["ged_e"]
    other = fit(resolve(yaml.safe_load((small_run / "config.yaml").read_text()), {"seed": 1}), tmp_path / "other")
    assert other["test"] != first["test"]


def test_several_seeds_are_several_runs_in_one(seeds_run: Path) -> None:
    result = json.loads((seeds_run / "result.json").read_text())
    assert result["seeds"] == [5, 6, 7] and len(result["test"]["runs"]) == 3
    mean = sum(result["test"]["runs"]) / 3
    assert result["test"]["mean"] == pytest.approx(mean)
    child = json.loads((seeds_run / "seed-6" / "result.json").read_text())
    assert child["test"]["runs"] == [result["test"]["runs"][1]]
    again = fit(yaml.safe_load((seeds_run / "seed-6" / "config.yaml").read_text()), seeds_run.parent / "six")
    assert again["test"] == child["test"]


class StopAt(Progress):
    """Presses Ctrl-C when an epoch of a fit ends."""

    def __init__(self, label: str, epoch: int) -> None:
        self.where, self.label = (label, epoch), ""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.label = label

    def update(self, row: dict[str, Any]) -> None:
        if (self.label, row["epoch"]) == self.where:
            os.kill(os.getpid(), signal.SIGINT)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return open_run(folder).model.state_dict()


def rows(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in open_run(folder).metrics]


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_an_interrupted_run_resumes_to_the_same_bits(small: dict, small_run: Path, tmp_path: Path, epoch: int) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"interrupted after epoch {epoch}") as stop:
        fit(small, folder, StopAt("factorgcn", epoch))
    assert stop.value.folder == folder and not (folder / "result.json").exists()
    result = resume(folder)
    assert result["test"] == json.loads((small_run / "result.json").read_text())["test"]
    expected, resumed = weights(small_run), weights(folder)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert rows(folder) == rows(small_run)


def test_an_interrupted_run_of_several_seeds_resumes_where_it_stopped(
    nodes: dict, seeds_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted) as stop:
        fit({**nodes, "seeds": 3, "seed": 5}, folder, StopAt("gcn seed-6", 2))
    assert stop.value.folder == folder and (folder / "seed-5" / "result.json").exists()
    before = (folder / "seed-5" / "result.json").stat().st_mtime_ns
    result = resume(folder)
    assert result["test"] == json.loads((seeds_run / "result.json").read_text())["test"]
    assert (folder / "seed-5" / "result.json").stat().st_mtime_ns == before


def test_ctrl_c_in_the_last_epoch_of_a_seed_is_heard(nodes: dict, tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="interrupted between two fits"):
        fit({**nodes, "seeds": 3}, tmp_path / "run", StopAt("gcn seed-0", 4))
    assert (tmp_path / "run" / "seed-0" / "result.json").exists() and not (tmp_path / "run" / "seed-1").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"epochs": 8, "schedule": "plateau", "schedule_patience": 1, "select": "loss", "patience": 3}},
        {"train": {"epochs": 8, "optimizer": "adamw", "schedule": "step", "schedule_step": 3, "clip": 0.5}},
        {"model": {"batch_norm": True, "input_norm": True, "first_weights": "principal", "head_dropout": 0.2}},
    ],
)
def test_every_kind_of_state_is_continued(small: dict, tmp_path: Path, changes: dict) -> None:
    config = resolve(small, changes)
    fit(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "run", StopAt("factorgcn", 2))
    resume(tmp_path / "run")
    expected, resumed = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"hidden_channels": 30}},
        {"model": {"act": "foo"}},
        {"model": {"readout": "foo"}},
        {"model": {"dropout": 2.0}},
        {"model": {"factors": [3]}},
    ],
)
def test_a_mistake_in_the_settings_of_the_model_leaves_no_folder(small: dict, tmp_path: Path, changes: dict) -> None:
    with pytest.raises(ValueError) as error:
        fit(resolve(small, changes), tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


def test_a_fold_by_itself_reports_its_last_epoch(small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = DataSettings.load

    def folds(settings: DataSettings, seed: int) -> GraphDataset:
        dataset = load(settings, seed)
        return dataset.replace(splits=dataset.splits * 3, protocol="fold")

    monkeypatch.setattr(DataSettings, "load", folds)
    result = fit(small, tmp_path / "run")
    assert result["selected_on"] == "fold" and len(result["test"]["runs"]) == 3
    for fold in open_run(tmp_path / "run").members:
        assert fold.result["selected_on"] == "last epoch"
        assert fold.result["test"]["mean"] == fold.metrics[-1]["validation"]


def test_a_lost_table_comes_back(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    for name in ("metrics.csv", "result.json", "fit.json", "env.json"):
        (tmp_path / "run" / name).unlink()
    resume(tmp_path / "run")
    assert rows(tmp_path / "run") == rows(small_run) and (tmp_path / "run" / "env.json").exists()


def test_a_run_that_has_ended_resumes_to_its_result(small_run: Path) -> None:
    assert resume(small_run)["test"] == json.loads((small_run / "result.json").read_text())["test"]


def test_a_damaged_checkpoint_is_named(small: dict, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        fit(small, folder, StopAt("factorgcn", 2))
    (folder / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="state.pt' is not a readable archive"):
        resume(folder)


def test_a_mistake_in_the_data_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fit({"data": {"name": str(tmp_path / "none.npz")}}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_output_folder_with_something_in_it_is_refused(small: dict, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="is not empty"):
        fit(small, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_folder_that_cannot_be_written_is_refused_before_training(small: dict, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="the output folder cannot be written"):
        fit(small, tmp_path / "file" / "run")


def test_new_runs_get_the_next_free_folder(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [fit(nodes)["run"] for _ in range(2)] == ["runs/gcn-karate-001", "runs/gcn-karate-002"]


def test_what_is_not_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        resume(tmp_path)


def test_every_run_draws_its_own_data(small: dict) -> None:
    first, second = (load_dataset(train_config(small, {"seed": seed})) for seed in (0, 1))
    assert not torch.equal(first.graphs.graph["y"], second.graphs.graph["y"])
    fixed = {"data": {"seed": 3}}
    first, second = (load_dataset(train_config(small, fixed, {"seed": seed})) for seed in (0, 1))
    assert torch.equal(first.graphs.graph["y"], second.graphs.graph["y"])


def test_runs_take_the_published_splits_in_turn(small: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(train_config(small))
    several = dataset.replace(splits=dataset.splits * 2)

    def members(dataset: GraphDataset, **changes: int) -> dict[str, TrainConfig]:
        monkeypatch.setattr(DataSettings, "load", lambda settings, seed: dataset)
        return TrainExperiment(train_config(small, changes)).members

    assert [child.data.fold for child in members(several, seeds=3).values()] == [0, 1, 0]
    assert list(members(several.replace(protocol="fold"))) == ["fold-0", "fold-1"]
    both = members(several.replace(protocol="fold"), seeds=2)
    assert list(both) == ["seed-0-fold-0", "seed-0-fold-1", "seed-1-fold-0", "seed-1-fold-1"]


def test_the_test_set_is_looked_at_once(small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = train_config(small)
    fitting = Trainer(config, load_dataset(config), tmp_path, torch.device("cpu"), Progress(), "x")
    assert fitting.test_batches is not None
    looks = []
    passes = type(fitting.test_batches).__iter__
    monkeypatch.setattr(
        type(fitting.test_batches),
        "__iter__",
        lambda self: looks.append(self) or passes(self),  # type: ignore[func-returns-value]
    )
    with InterruptFlag(Progress()) as interrupt:
        fitting.run(interrupt)
    assert sum(look is fitting.test_batches for look in looks) == 1
    assert sum(look is fitting.val_batches for look in looks) == 6


def test_without_validation_the_last_epoch_counts(small: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphkit.data import Split

    load = DataSettings.load

    def without_validation(settings: DataSettings, seed: int) -> Any:
        dataset = load(settings, seed)
        split = dataset.splits[0]
        return dataset.replace(splits=(Split(split.train, split.val[:0], split.test),))

    monkeypatch.setattr(DataSettings, "load", without_validation)
    result = fit(small, tmp_path / "run")
    assert result["selected_on"] == "last epoch" and result["validation"] is None and result["epochs"] == [6]
