"""TensorBoard event files: scalars of each epoch, resumed runs, several seeds, and the missing package."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from graphkit.cli.main import main
from graphkit.errors import MissingPackageError
from graphkit.experiments import TensorBoardCallback, build_config, open_run, resume, run
from tests.experiments.test_callbacks import FailsAt

SCALARS = {"loss/training", "loss/validation", "accuracy/validation", "accuracy/test", "lr", "seconds"}


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_a_resumed_run_continues_its_curves(small: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        callbacks = [TensorBoardCallback(), FailsAt("epoch", 3)]
        run(build_config("train", small, recipe="none"), tmp_path / "run", callbacks=callbacks)
    done = resume(tmp_path / "run", callbacks=[TensorBoardCallback()])
    written, table = scalars(tmp_path / "run" / "tensorboard"), open_run(tmp_path / "run").metrics
    metric = done.result["metric"]
    assert written.keys() == {
        "loss/training",
        "loss/validation",
        f"{metric}/validation",
        f"{metric}/test",
        "lr",
        "seconds",
    }
    for name, column in (("loss/training", "loss"), ("loss/validation", "validation_loss"), ("lr", "lr")):
        assert written[name] == pytest.approx({row["epoch"]: row[column] for row in table}, rel=1e-6)
    assert written[f"{metric}/test"] == pytest.approx({done.result["epochs"][0]: done.result["test"]["mean"]}, rel=1e-6)


def test_each_seed_has_its_event_files(nodes: dict[str, Any], tmp_path: Path) -> None:
    config = build_config("train", {**nodes, "seeds": 2}, recipe="none")
    run(config, tmp_path / "run", callbacks=[TensorBoardCallback(tmp_path / "logs")])
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"seed-0", "seed-1"}
    assert scalars(tmp_path / "logs" / "seed-1").keys() == SCALARS


def test_the_option_log_writes_event_files(tmp_path: Path) -> None:
    line = f"train --model gcn --dataset karate --epochs 2 --log tensorboard --json --output {tmp_path / 'run'}"
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 0 and json.loads(result.stdout)["model"] == "gcn"
    assert scalars(tmp_path / "run" / "tensorboard")["lr"].keys() == {1, 2}
    (tmp_path / "run" / "fit.json").unlink()
    assert CliRunner().invoke(main, f"train --resume {tmp_path / 'run'} --log tensorboard".split()).exit_code == 0


def test_the_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="not installed; pip install tensorboard$"):
        TensorBoardCallback()
    line = f"train --model gcn --dataset karate --epochs 2 --log tensorboard --output {tmp_path / 'run'}"
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and not (tmp_path / "run").exists()
