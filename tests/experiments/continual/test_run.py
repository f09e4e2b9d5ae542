import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.continual import Strategy
from graphkit.continual.continual_trainer import ContinualTrainer, StreamInterrupted
from graphkit.files import read_json
from graphkit.registry import strategy_names
from graphkit.training.interrupt import InterruptFlag
from graphkit.training.progress import Progress
from tests.continual.tasks import SMALL as OPTIONS
from tests.fitting import fit_continual, resume_continual

EVERY = {name: OPTIONS.get(name, {}) for name in strategy_names()}


def same(first: Path, second: Path, name: str, seed: int) -> bool:
    """Whether two runs learned the same model and give the same numbers, times aside."""
    places = [folder / name / f"seed-{seed}" for folder in (first, second)]
    weights = [(run_dir / "model.safetensors").read_bytes() for run_dir in places]
    results = [read_json(run_dir / "fit.json") for run_dir in places]
    keys = ("matrix", "validation_matrix", "untrained", "average_performance", "forgetting")
    tables = [(run_dir / "metrics.csv").read_text() for run_dir in places]
    return weights[0] == weights[1] and tables[0] == tables[1] and all(results[0][k] == results[1][k] for k in keys)


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.experiments.continual.conftest import SMALL

    folder = tmp_path_factory.mktemp("continual") / "whole"
    fit_continual({**SMALL, "strategies": EVERY, "seeds": 1}, folder)
    return folder


def test_result(full_run: Path) -> None:
    result = read_json(full_run / "result.json")
    assert result["command"] == "continual" and result["test"] is None and result["selected_on"] == "validation"
    assert set(result["strategies"]) == set(strategy_names())
    assert result["protocol"]["tasks"] == [[0, 1], [2, 3], [4, 5]] and "divided by T - 1" in result["convention"]
    for name, entry in result["strategies"].items():
        matrix = entry["matrix"]
        assert entry["average_performance"]["mean"] == pytest.approx(sum(matrix[2]) / 3)
        if name == "joint":
            assert entry["forgetting"] is None and matrix[0] == [None] * 3 and len(entry["seconds_per_task"]) == 1
            continue
        lost = sum(matrix[k][k] - matrix[2][k] for k in range(2)) / 2
        assert entry["forgetting"]["mean"] == pytest.approx(lost)
        assert entry["average_forgetting"]["mean"] == pytest.approx(-lost)
        assert entry["learning_accuracy"]["mean"] == pytest.approx(sum(matrix[k][k] for k in range(3)) / 3)
        assert matrix[0][2] is None and matrix[0][1] is not None and entry["forward_transfer"] is not None
        assert len(entry["seconds_per_task"]) == len(entry["memory_mb_per_task"]) == 3
    kept = [result["strategies"][name]["memory_mb_per_task"] for name in ("twp", "ewc", "mas")]
    assert all(memory[0] == memory[-1] > 0 for memory in kept)  # three copies of the parameters, however many tasks


def test_several_seeds_have_splits_of_their_own(tmp_path: Path, small: dict[str, Any]) -> None:
    result = fit_continual({**small, "seeds": 2, "seed": 3}, tmp_path / "run")
    assert result["seeds"] == [3, 4] and len(result["test"]["runs"]) == len(result["validation"]["runs"]) == 2
    assert len(result["strategies"]["twp"]["matrices"]) == 2
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result


@pytest.mark.parametrize("changes", [{}, {"protocol": "published"}], ids=["default", "published"])
def test_goes_on_after_any_task_to_the_same_numbers(
    tmp_path: Path, small: dict[str, Any], full_run: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    config = {**small, "strategies": EVERY if not changes else {"twp": {}, "gem": {"memory": 4}}, **changes}
    if changes:
        full_run = tmp_path / "whole"
        fit_continual(config, full_run)
    learn, stopped = ContinualTrainer._learn, set()

    def stops(self: ContinualTrainer, *arguments: Any) -> None:
        if self.done and (self.name, self.done) not in stopped:
            stopped.add((self.name, self.done))
            raise KeyboardInterrupt  # as a kill: nothing is written
        learn(self, *arguments)

    monkeypatch.setattr(ContinualTrainer, "_learn", stops)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit_continual(config, folder)
    for _ in range(2 * len(EVERY)):
        try:
            resume_continual(folder)
            break
        except KeyboardInterrupt:
            torch.manual_seed(99)  # whatever another process would have drawn
    assert len(stopped) == 2 * (len(config["strategies"]) - ("joint" in config["strategies"]))
    assert all(same(full_run, folder, name, 0) for name in config["strategies"])
    first, second = (read_json(run_dir / "result.json")["strategies"] for run_dir in (full_run, folder))
    assert all(first[name]["matrix"] == second[name]["matrix"] for name in first)


def test_ctrl_c_waits_for_the_epoch(tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Presses(Progress):
        """Presses Ctrl-C in the second epoch of the second task."""

        def start(self, label: str, epochs: int, epoch: int) -> None:
            self.label = label

        def update(self, row: dict[str, Any]) -> None:
            flags[-1].raised |= "task 2/3" in self.label and row["epoch"] == 2

    flags: list[InterruptFlag] = []
    monkeypatch.setattr(InterruptFlag, "__enter__", lambda self: flags.append(self) or self)
    with pytest.raises(StreamInterrupted, match="interrupted; twp seed 0 has learned 1 of 3 tasks") as stop:
        fit_continual(small, tmp_path / "run", Presses())
    assert stop.value.folder == tmp_path / "run" and not (tmp_path / "run" / "result.json").exists()
    fit_continual(small, tmp_path / "whole")
    resume_continual(tmp_path / "run")
    assert same(tmp_path / "whole", tmp_path / "run", "twp", 0)


def test_the_control_has_no_weight_decay(tmp_path: Path, small: dict[str, Any]) -> None:
    heavy = {**small, "strategies": {"fine-tune": {}, "fine-tune-no-decay": {}}, "train": {"epochs": 2}}
    heavy["train"]["weight_decay"] = 50.0
    fit_continual(heavy, tmp_path / "heavy")
    heavy["train"]["weight_decay"] = 0.0
    fit_continual(heavy, tmp_path / "none")
    assert same(tmp_path / "heavy", tmp_path / "none", "fine-tune-no-decay", 0)
    assert not same(tmp_path / "heavy", tmp_path / "none", "fine-tune", 0)


def test_search_is_decided_on_validation_with_a_seed_of_its_own(tmp_path: Path, small: dict[str, Any]) -> None:
    config = {**small, "strategies": {"uniform": {}, "fine-tune": {}}, "search": True, "train": {"epochs": 2}}
    result = fit_continual(config, tmp_path / "run")
    tried = result["strategies"]["uniform"]["search"]
    assert [entry["options"]["strength"] for entry in tried] == [0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5]
    best = max(entry["validation"] for entry in tried)
    chosen = next(entry["options"] for entry in tried if entry["validation"] == best)
    assert result["strategies"]["uniform"]["options"] == chosen
    scores = [entry["validation"] for entry in tried]
    assert result["strategies"]["uniform"]["chosen"] == scores.index(best)
    assert result["strategies"]["uniform"]["half"] == scores.index(max(scores[:4]))
    assert "search" not in result["strategies"]["fine-tune"]
    assert read_json(tmp_path / "run" / "uniform" / "search-0" / "fit.json")["seed"] == 1 and result["seeds"] == [0]


def test_every_strategy_with_settings_searches_as_many() -> None:
    from graphkit.continual.continual_config import strategy_settings_class
    from graphkit.registry import get_strategy

    sizes = {name: len(get_strategy(name).grid) for name in strategy_names()}
    assert {name for name, size in sizes.items() if size == 1} == {"fine-tune", "fine-tune-no-decay", "joint"}
    assert set(sizes.values()) == {1, 8}
    for name in sizes:
        for setting in get_strategy(name).grid:
            assert strategy_settings_class(name).read(setting).to_dict() == setting
            assert isinstance(get_strategy(name)(**setting), Strategy)


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": {"scenario": "class"}},
        {"stream": {"scenario": "time", "tasks": 3, "visible": "so-far"}},
        {"stream": {"visible": "task", "order": "shuffled"}},
        {"model": {"name": "factorgcn", "hidden_channels": 8}},
        {"model": {"name": "mlp"}, "strategies": {"ewc": {}}},
        {"train": {"select": "last", "epochs": 2}},
        {"train": {"select": "loss", "patience": 1, "check": 1}},
    ],
    ids=["class", "time", "inductive", "own penalty", "no edges", "last epoch", "patience"],
)
def test_other_streams_and_models(tmp_path: Path, small: dict[str, Any], changes: dict[str, Any]) -> None:
    result = fit_continual({**small, **changes}, tmp_path / "run")
    scores = next(iter(result["strategies"].values()))
    assert 0 <= scores["average_performance"]["mean"] <= 1
    if changes.get("stream", {}).get("scenario") == "class":
        assert scores["forward_transfer"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stream": {"tasks": 9}}, "9 tasks need at least as many classes"),
        ({"strategies": {"gem": {"memory": 50}}}, "`memory` must not be larger than a task"),
        ({"model": {"name": "mlp"}, "strategies": {"twp": {}}}, "layers of the kind MessagePassing"),
        ({"data": {"name": "sbm-continual", "size": 1}}, "at least 2 classes of 3 nodes"),
    ],
)
def test_a_mistake_leaves_nothing(tmp_path: Path, small: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_continual({**small, **changes}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_explodes_is_named(tmp_path: Path, small: dict[str, Any]) -> None:
    config = {**small, "strategies": {"uniform": {"strength": math.inf}}}
    with pytest.raises(ValueError, match="the training loss is not finite|must be a number"):
        fit_continual(config, tmp_path / "run")


def test_states_that_cannot_be_used(tmp_path: Path, small: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    fit_continual(small, folder)
    (folder / "twp" / "seed-0" / "fit.json").unlink()
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("hidden_channels: 8", "hidden_channels: 4"))
    with pytest.raises(ValueError, match="is not one of this run"):
        resume_continual(folder)
    (folder / "twp" / "seed-0" / "state.pt").write_bytes(b"no")
    with pytest.raises(ValueError, match="is not a readable archive"):
        resume_continual(folder)
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        resume_continual(tmp_path / "nowhere")
    (folder / "config.yaml").write_text("model: {name: gcn}\n")
    with pytest.raises(ValueError, match="continue it with: graphkit train --resume"):
        resume_continual(folder)
