import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphkit.experiments.shards import Shard
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import Progress
from tests.experiments.shards.processes import Child, wait_for


class Said(Progress):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def shard(folder: Path, which: str, progress: Progress | None = None) -> Shard:
    return Shard(folder, "train", {"lr": 1}, ["a", "b"], which, progress or Progress())


def finish(folder: Path, unit: str) -> None:
    (folder / unit).mkdir()
    (folder / unit / "fit.json").write_text("{}")


def child_at_a(folder: Path, then: Any) -> Child:
    """Starts a process that claims the unit ``a`` and goes on as it is told."""

    def work() -> None:
        with shard(folder, "0/2") as this_shard:
            for name, _ in this_shard.turns({"a": 1, "b": 2}):
                (folder / "begun").touch()
                then()
                finish(folder, name)

    child = Child(work, folder / "errors")
    wait_for(folder / "begun")
    return child


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphkit.experiments.shards.shard.POLL", 0.02)


def test_one_that_helps_waits_for_what_another_one_is_at(tmp_path: Path) -> None:
    child, said = child_at_a(tmp_path, lambda: time.sleep(0.5)), Said()
    with shard(tmp_path, "1/2", said) as this_shard:
        done = []
        for name, _ in this_shard.helping().turns({"a": 1, "b": 2}):
            finish(tmp_path, name)
            done.append(name)
        assert done == this_shard.did == ["b"] and this_shard.left() == {}
    assert said.lines == ["shard 1/2: waiting for a, in other shards"] and child.end() == 0


def test_one_that_helps_does_what_a_dead_one_was_at(tmp_path: Path) -> None:
    child = child_at_a(tmp_path, lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert child.end() == -signal.SIGKILL
    with shard(tmp_path, "1/2") as this_shard:
        assert [
            name for name, _ in this_shard.turns({"a": 1}) if finish(tmp_path, name)
        ] == []  # it is not asked to help
        assert this_shard.left() == {"a": "0/2", "b": "1/2"} and this_shard.remaining("ab") == ["b"]
        assert [name for name, _ in this_shard.helping().turns({"a": 1})] == ["a"]


def test_waiting_ends_with_ctrl_c(tmp_path: Path) -> None:
    child = child_at_a(tmp_path, lambda: time.sleep(60))
    try:
        with (
            shard(tmp_path, "1/2") as this_shard,
            pytest.raises(Interrupted, match="while other shards were waited for"),
        ):
            list(this_shard.helping().turns({"a": 1}, SimpleNamespace(raised=True)))  # type: ignore[arg-type]
    finally:
        child.kill()


def test_a_unit_that_fails_is_free_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"), shard(tmp_path, "0/2") as this_shard:
        for _ in this_shard.turns({"a": 1}):
            raise ValueError("the loss is not finite")
    with shard(tmp_path, "0/2") as this_shard:
        assert [name for name, _ in this_shard.turns({"a": 1})] == ["a"]
    assert sorted(path.name for path in (tmp_path / "shards" / "units").iterdir()) == [
        "a.1", "a.2", "shard-0.1", "shard-0.2"
    ]  # fmt: skip
