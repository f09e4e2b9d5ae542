"""Ctrl-C: an epoch has a moment to end, then the run stops wherever it is; a second one acts at once."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.continual.continual_trainer import StreamInterrupted
from graphkit.data.data_settings import DataSettings
from graphkit.experiments import open_run
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from tests.fitting import fit, fit_continual, resume, resume_continual


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphkit.training.interrupt.GRACE", 0.2)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Waits(Progress):
    """Makes the end of an epoch take long, as a long epoch would."""

    def __init__(self, epoch: int, seconds: float = 20.0) -> None:
        self.epoch, self.seconds = epoch, seconds
        self.said: list[str] = []
        self.ended = False

    def update(self, row: dict[str, Any]) -> None:
        if row["epoch"] == self.epoch:
            press()
            time.sleep(self.seconds)
            self.ended = True

    def say(self, message: str) -> None:
        self.said.append(message)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return open_run(folder).model.state_dict()


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_long_epoch_is_given_up_and_the_run_resumes(nodes: dict[str, Any], tmp_path: Path) -> None:
    fit(nodes, tmp_path / "whole")
    progress = Waits(3)
    with pytest.raises(Interrupted, match="interrupted after epoch 0") as stop:
        fit(nodes, tmp_path / "run", progress)
    assert not progress.ended and stop.value.folder == tmp_path / "run"
    assert "stopping (Ctrl-C again to stop at once)" in progress.said
    assert not list((tmp_path / "run").glob("*.part"))
    resume(tmp_path / "run")
    assert same(tmp_path / "whole", tmp_path / "run")


def test_long_epochs_are_kept_one_by_one(
    nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphkit.training.trainer.GRACE", 0.0)
    monkeypatch.setattr("graphkit.training.trainer.CHECKPOINT_RATIO", 0.0)
    fit(nodes, tmp_path / "whole")
    with pytest.raises(Interrupted, match="interrupted after epoch 2"):
        fit(nodes, tmp_path / "run", Waits(3))
    resume(tmp_path / "run")
    assert same(tmp_path / "whole", tmp_path / "run")


def test_checkpoints_take_a_small_part_of_the_time(
    nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphkit.training.trainer.GRACE", 0.0)
    written = []
    from graphkit.training import trainer

    save = trainer.save_state

    def slow(*arguments: Any) -> None:
        written.append(arguments)
        time.sleep(0.05)
        save(*arguments)

    monkeypatch.setattr("graphkit.training.trainer.save_state", slow)
    fit({**nodes, "train": {"epochs": 30}}, tmp_path / "run")
    assert len(written) < 5


def test_a_second_ctrl_c_ends_at_once(nodes: dict[str, Any], tmp_path: Path) -> None:
    class Twice(Progress):
        def update(self, row: dict[str, Any]) -> None:
            press()
            press()
            raise AssertionError("the second one did nothing")

    with pytest.raises(KeyboardInterrupt):
        fit(nodes, tmp_path / "run", Twice())
    fit(nodes, tmp_path / "whole")
    resume(tmp_path / "run")
    assert same(tmp_path / "whole", tmp_path / "run")


def test_a_long_task_of_a_stream_is_given_up(tmp_path: Path) -> None:
    config = {"data": {"name": "sbm-continual", "size": 12}, "model": {"name": "gcn"}, "train": {"epochs": 3}}
    with pytest.raises(StreamInterrupted, match="has learned 0 of"):
        fit_continual(config, tmp_path / "run", Waits(2))
    full_run = fit_continual(config, tmp_path / "whole")
    assert resume_continual(tmp_path / "run")["test"] == full_run["test"]


def test_ctrl_c_while_the_data_of_a_later_seed_are_loaded(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, count = DataSettings.load, []

    def slow(settings: DataSettings, seed: int) -> Any:
        count.append(seed)
        if len(count) == 2:
            press()
            time.sleep(20)
        return load(settings, seed)

    with monkeypatch.context() as patch:
        patch.setattr(DataSettings, "load", slow)
        with pytest.raises(Interrupted) as stop:
            fit({**small, "seeds": 2}, tmp_path / "run")
    assert stop.value.folder == tmp_path / "run" and count == [0, 1]
    assert resume(tmp_path / "run")["seeds"] == [0, 1]


def test_ctrl_c_before_there_is_a_folder_acts_at_once(
    nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(settings: DataSettings, seed: int) -> None:
        press()
        time.sleep(20)

    monkeypatch.setattr(DataSettings, "load", slow)
    with pytest.raises(KeyboardInterrupt):
        fit(nodes, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_handlers_come_back_and_a_late_timer_does_nothing() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with InterruptFlag(Progress()) as flag:
        press()
        assert flag.raised and not flag.expired
    time.sleep(0.5)
    assert not flag.expired
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_of_several_processes_each_waits_for_the_end_of_its_epoch() -> None:
    with InterruptFlag(Progress(), waits=True) as flag:
        press()
        time.sleep(0.5)
        assert flag.raised and not flag.expired


def test_one_that_was_lost_in_a_callback_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Interrupted:
        return Interrupted(1, Path("run"))

    with InterruptFlag(Progress()) as flag, pytest.raises(Interrupted), flag.stopping(made):
        press()
        with contextlib.suppress(KeyboardInterrupt):  # as a library that goes on
            time.sleep(20)
        time.sleep(20)
