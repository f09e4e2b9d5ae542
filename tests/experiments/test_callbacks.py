"""Callbacks: the order of events, their arguments, errors, and that they do not change a run."""

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphkit.errors import InputError
from graphkit.experiments import Callback, FitInfo, build_config, open_run, resume, run
from graphkit.training.callbacks import CallbackCaller, TrainRow
from graphkit.training.interrupt import Interrupted
from graphkit.training.run_result import FitResult


def train(settings: dict[str, Any], folder: Path, *callbacks: Callback) -> dict[str, Any]:
    return run(build_config("train", settings, recipe="none"), folder, callbacks=callbacks).result


class Records(Callback):
    """Notes all events."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.rows: list[TrainRow] = []

    def on_begin(self, fit: FitInfo) -> None:
        self.events.append(("begin", fit.unit, fit.seed, fit.epoch))
        self.info = fit

    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        self.events.append(("epoch", row["epoch"]))
        self.rows.append(row)

    def on_checkpoint(self, fit: FitInfo, epoch: int) -> None:
        assert (fit.folder / "state.pt").is_file()
        self.events.append(("checkpoint", epoch))

    def on_end(self, fit: FitInfo, result: FitResult) -> None:
        assert (fit.folder / "model.safetensors").is_file()
        self.events.append(("end", result["test"]))


class Meddles(Callback):
    """Draws random numbers and changes its arguments."""

    def _meddle(self, values: Any) -> None:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        values.clear()

    def on_begin(self, fit: FitInfo) -> None:
        self._meddle(fit.config)

    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        self._meddle(row)

    def on_end(self, fit: FitInfo, result: FitResult) -> None:
        self._meddle(result)


class FailsAt(Callback):
    def __init__(self, event: str, epoch: int = 0) -> None:
        self.event, self.epoch = event, epoch

    def on_begin(self, fit: FitInfo) -> None:
        self._fail("begin", 0)

    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        self._fail("epoch", row["epoch"])

    def on_checkpoint(self, fit: FitInfo, epoch: int) -> None:
        self._fail("checkpoint", 0)

    def on_end(self, fit: FitInfo, result: FitResult) -> None:
        self._fail("end", 0)

    def _fail(self, event: str, epoch: int) -> None:
        if (event, epoch) == (self.event, self.epoch):
            raise KeyError("tracker is down")


def same_weights(first: Path, second: Path) -> bool:
    one, other = (open_run(folder).model.state_dict() for folder in (first, second))
    return all(torch.equal(one[name], other[name]) for name in one)


def test_callbacks_get_the_events_of_each_fit_in_order(nodes: dict, tmp_path: Path) -> None:
    records = Records()
    result = train({**nodes, "seeds": 2, "seed": 5}, tmp_path / "run", records)
    epochs = [("epoch", epoch) for epoch in range(1, 5)]
    first, second = result["test"]["runs"]
    assert records.events == [
        *[("begin", "seed-5", 5, 0), *epochs, ("checkpoint", 4), ("end", first)],
        *[("begin", "seed-6", 6, 0), *epochs, ("checkpoint", 4), ("end", second)],
    ]
    assert records.info.folder == tmp_path / "run" / "seed-6" and records.info.config["model"]["name"] == "gcn"
    table = open_run(tmp_path / "run" / "seed-6").metrics
    assert [dict(row) for row in records.rows[4:]] == table


def test_callbacks_do_not_change_the_numbers_of_a_run(small: dict, small_run: Path, tmp_path: Path) -> None:
    train(small, tmp_path / "run", Meddles())
    expected = json.loads((small_run / "fit.json").read_text())
    written = json.loads((tmp_path / "run" / "fit.json").read_text())
    assert {**written, "seconds": 0} == {**expected, "seconds": 0}
    assert same_weights(small_run, tmp_path / "run")


@pytest.mark.parametrize(
    ("event", "epoch", "saved"), [("begin", 0, 0), ("epoch", 3, 3), ("checkpoint", 0, 6), ("end", 0, 6)]
)
def test_an_error_of_a_callback_leaves_a_run_that_resumes(
    small: dict, small_run: Path, tmp_path: Path, event: str, epoch: int, saved: int
) -> None:
    with pytest.raises(KeyError, match="tracker is down") as error:
        train(small, tmp_path / "run", FailsAt(event, epoch))
    assert any(entry.name == "_fail" for entry in error.traceback)
    records = Records()
    resume(tmp_path / "run", callbacks=[records])
    assert records.events[0] == ("begin", "", 0, saved)
    assert [event for event in records.events if event[0] == "epoch"] == [("epoch", n) for n in range(saved + 1, 7)]
    assert same_weights(small_run, tmp_path / "run")


class Presses(Callback):
    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_resumed_run_begins_with_its_next_epoch(small: dict, small_run: Path, tmp_path: Path) -> None:
    records = Records()
    with pytest.raises(Interrupted):
        train(small, tmp_path / "run", records, Presses())
    assert records.events[-2:] == [("epoch", 2), ("checkpoint", 2)]
    records = Records()
    resume(tmp_path / "run", callbacks=[records])
    assert records.events[:2] == [("begin", "", 0, 2), ("epoch", 3)]
    assert same_weights(small_run, tmp_path / "run")


class Rank1:
    """Communicator of the second of two processes."""

    rank, world_size = 1, 2

    def all_reduce_max(self, *numbers: float) -> list[float]:
        return [1.0]

    def broadcast_from_rank0(self, make: Any) -> None:
        return None


def test_other_ranks_call_no_callback() -> None:
    records = Records()
    info = FitInfo(Path(), "", 0, None, "accuracy", {}, 0)
    CallbackCaller([records], Rank1())(Callback.on_begin, info)
    assert records.events == []


@pytest.mark.parametrize(
    ("callbacks", "got"), [([Records], "the class Records"), ([print], "builtin_function_or_method"), (3, "int")]
)
def test_wrong_callbacks_are_one_line(nodes: dict, tmp_path: Path, callbacks: Any, got: str) -> None:
    with pytest.raises(
        InputError, match=f"`callbacks` must be a list of graphkit.Callback objects .got {got}"
    ) as error:
        run(build_config("train", nodes, recipe="none"), tmp_path / "run", callbacks=callbacks)
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


def test_a_stream_of_tasks_has_no_callbacks(tmp_path: Path) -> None:
    config = build_config("continual", {"data": {"name": "karate"}}, recipe="none")
    with pytest.raises(InputError, match="`callbacks` are for runs of train and distill"):
        run(config, tmp_path / "run", callbacks=[Records()])


def test_students_and_teacher_call_callbacks(nodes: dict, tmp_path: Path) -> None:
    records, network = Records(), {key: nodes[key] for key in ("model", "train")}
    settings = {"data": nodes["data"], "teacher": network, "student": network, "losses": {"kd": {}}}
    run(build_config("distill", settings, recipe="none"), tmp_path / "run", callbacks=[records])
    assert [event[0] for event in records.events].count("end") == 3
    folders = {path.parent.name for path in (tmp_path / "run").glob("*/fit.json")}
    assert records.info.folder.name in folders
