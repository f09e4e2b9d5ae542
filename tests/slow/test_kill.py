"""Runs that are killed at any file-system call: each is resumed, or begun again, to the same bits."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.files import read_json
from tests.fitting import fit, fit_continual, fit_distill, resume, resume_continual, resume_distill
from tests.warm import run_forked

pytestmark = pytest.mark.slow

Run = Callable[..., dict[str, Any]]

SMALL = {"name": "karate"}
TRAIN: dict[str, Any] = {"model": {"name": "gcn", "hidden_channels": 4}, "data": SMALL, "train": {"epochs": 3}}
DISTILL: dict[str, Any] = {
    "data": SMALL,
    "teacher": {"model": {"name": "gcn", "hidden_channels": 4}, "train": {"epochs": 2}},
    "student": {"model": {"name": "gcn", "hidden_channels": 2}, "train": {"epochs": 2}},
    "losses": {"kd": {}},
}
CONTINUAL: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 4},
    "data": {"name": "sbm-continual", "num_classes": 4, "size": 12},
    "train": {"epochs": 2},
    "strategies": {"ewc": {}, "fine-tune": {}},
}
COMMANDS: dict[str, tuple[dict[str, Any], Run, Run]] = {
    "train": (TRAIN, fit, resume),
    "distill": (DISTILL, fit_distill, resume_distill),
    "continual": (CONTINUAL, fit_continual, resume_continual),
}
#: Calls that change what a folder holds. Content that is only half written is there between `open` and `fsync`.
CALLS = ("mkdir", "open", "fsync", "replace", "rename", "unlink", "rmdir")


class Killer:
    """Counts the calls that change a folder, and ends the process before one of them.

    Args:
        at: The number of that call, from 1; 0 for none.
    """

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __enter__(self) -> "Killer":
        for name in CALLS:
            setattr(os, name, self._wrapped(getattr(os, name), name == "open"))
        return self

    def __exit__(self, *_: object) -> None:
        """The process ends soon: nothing is put back."""

    def _wrapped(self, call: Callable[..., Any], only_new: bool) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if not only_new or arguments[1] & os.O_CREAT:
                self.count += 1
                if self.count == self.at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return wrapped


def start(command: str, folder: Path, at: int) -> int:
    """Begins or resumes a run as a person would, and returns the number of calls."""
    from graphkit.training import trainer

    torch.set_num_threads(1)
    trainer.CHECKPOINT_SECONDS = 0.0  # after every epoch
    config, begin, go_on = COMMANDS[command]
    with Killer(at) as killer:
        if (folder / "config.yaml").exists():
            go_on(folder)
        else:
            begin(config, folder)
    return killer.count


def outcome(folder: Path) -> dict[str, Any]:
    """Returns the scores and the weights of a run, and the names of its files apart from what a killed process left."""
    outcomes: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == "model.safetensors":
            outcomes[name] = path.read_bytes()
        elif path.name == "result.json":
            result = read_json(path)
            keys = ("test", "validation", "epochs", "seeds", "chosen", "format")
            outcomes[name] = {key: result.get(key) for key in keys}
            strategies = result.get("strategies", {})
            outcomes[name] |= {name: entry["matrix"] for name, entry in strategies.items()}
        elif not path.name.endswith(".part"):
            outcomes[name] = None
    return outcomes


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, dict[str, Any]]]:
    """For each command the number of calls without a kill, and the outcome."""
    outcomes = {}
    for command in COMMANDS:
        folder = tmp_path_factory.mktemp("whole") / command
        done = run_forked(lambda command=command, folder=folder: start(command, folder, 0), 120)
        assert done.value, (command, done)
        outcomes[command] = done.value, outcome(folder)
        assert any(name.endswith("model.safetensors") for name in outcomes[command][1])
    return outcomes


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_that_is_killed_at_any_call_ends_with_the_same_bits(
    tmp_path: Path, uninterrupted: dict[str, tuple[int, dict[str, Any]]], command: str
) -> None:
    calls, expected = uninterrupted[command]
    stuck, other = [], []
    for at in range(1, calls + 1):
        folder = tmp_path / str(at)
        killed = run_forked(lambda at=at, folder=folder: start(command, folder, at), 120)
        assert killed.signal == signal.SIGKILL, (at, killed)
        resumed = run_forked(lambda folder=folder: start(command, folder, 0), 120)
        if resumed.value is None:
            stuck.append(at)
        elif outcome(folder) != expected:
            other.append(at)
    print(f"{command}: {calls} kills, {len(stuck)} stuck, {len(other)} with another result")
    assert not stuck and not other


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(
    tmp_path: Path, uninterrupted: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    """Every call of a process is its last: the run is resumed, and killed a call later, until it ends."""
    for command in ("train", "continual"):
        calls, expected = uninterrupted[command]
        folder, kills = tmp_path / command, 0
        for at in range(2, 10 * calls):
            done = run_forked(lambda at=at, command=command, folder=folder: start(command, folder, at), 120)
            if done.value is not None:
                break
            assert done.signal == signal.SIGKILL, (command, at, done)
            kills += 1
        assert outcome(folder) == expected, command
        print(f"{command}: {kills} kills in a row")
