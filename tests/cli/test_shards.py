import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from graphkit.cli.main import main
from graphkit.training.progress import Progress
from tests.experiments.shards.processes import Child

Command = Callable[..., Result]
SMALL_STREAM = ("--dataset", "sbm-continual", "--set", "data.num_classes=4", "--set", "data.size=12")
KARATE = ("train", "--model", "gcn", "--dataset", "karate", "--epochs", 3, "--seeds", 3)


def scores(text: str) -> dict:
    return {key: value for key, value in json.loads(text).items() if key not in ("seconds", "peak_memory_mb", "run")}


def test_each_shard_says_what_is_left_and_the_last_one_merges(graphkit: Command) -> None:
    first = graphkit(*KARATE, "--output", "run", "--shard", "0/2")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.splitlines() == [
        "shard 0/2: seed-0, seed-2 done now, 2 of 3 done by all; the last one to end merges the result",
        "  left to --shard 1/2: seed-1",
        "run folder: run",
    ]
    again = graphkit(*KARATE, "--output", "run", "--shard", "0/2", "--json")
    assert json.loads(again.stdout)["did"] == [] and "all units are already complete" in again.stderr
    second = graphkit(*KARATE, "--output", "run", "--shard", "1/2", "--json")
    assert scores(second.stdout) == scores(graphkit(*KARATE, "--output", "single", "--json").stdout)
    assert graphkit(*KARATE, "--output", "run", "--shard", "0/2").stdout.startswith("gcn on karate")

    assert Path("run/report.html").is_file() and graphkit("report", "run").exit_code == 0
    evaluated = json.loads(graphkit("evaluate", "run", "--json").stdout)
    assert evaluated["test"] == json.loads(second.stdout)["test"]
    compared = json.loads(graphkit("compare", "single", "run", "--json").stdout)
    assert compared["runs"][1]["against_first"]["difference"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shard", "2/2", "--output", "new"), "--shard I/N must be from 0/2 to 1/2 (got '2/2'); I counts from 0"),
        (("--shard", "0/0", "--output", "new"), "--shard I/N needs N of at least 1 (got '0/0')"),
        (("--shard", "a/b", "--output", "new"), "--shard must read I/N, such as 0/4 for the first of four (got 'a/b')"),
        (("--shard", "0/2"), "--shard needs --output DIR"),
        (("--shard", "1/3", "--output", "run"), "'run' was begun with 2 shards (got --shard I/3); take --shard 0/2 to"),
        (("--shard", "1/2", "--output", "run", "--lr", 0.5), "'run' was begun with train.lr = 0.01 (got 0.5)"),
    ],
)
def test_a_mistake_is_one_line(graphkit: Command, arguments: tuple, message: str) -> None:
    assert graphkit(*KARATE, "--output", "run", "--shard", "0/2", "--quiet").exit_code == 0
    result = graphkit(*KARATE, *arguments)
    assert result.exit_code == 2 and result.stdout == "" and message in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not Path("new").exists()


class StopsAtOnce(Progress):
    """Presses Ctrl-C in the first epoch."""

    def update(self, row: dict[str, Any]) -> None:
        if row["epoch"] == 1:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_names_the_command_that_goes_on(graphkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("graphkit.experiments.make_progress", lambda quiet: StopsAtOnce())
        stopped = graphkit(*KARATE, "--output", "run", "--shard", "1/2")
    assert stopped.exit_code == 130
    assert stopped.stderr.splitlines()[-1].endswith("continue with: graphkit train --resume run --shard 1/2")
    result = graphkit("train", "--resume", "run", "--shard", "1/2")
    assert result.exit_code == 0 and result.stdout.startswith("shard 1/2: seed-1 done now, 1 of 3 done by all")


@pytest.mark.parametrize(
    ("command", "units"),
    [
        (("continual", "--compare", "fine-tune,lwf", "--model", "gcn", *SMALL_STREAM), "fine-tune/seed-0"),
        (("distill", "--teacher-model", "gcn", "--dataset", "karate", "--loss", "kd"), "teacher, kd"),
    ],
)
def test_other_commands_have_shards_too(graphkit: Command, command: tuple, units: str) -> None:
    arguments = (*command, "--recipe", "none", "--epochs", 2, "--output", "run", "--quiet")
    first = graphkit(*arguments, "--shard", "0/2")
    assert first.exit_code == 0, first.stderr
    assert first.stdout.startswith(f"shard 0/2: {units} done now")
    last = graphkit(*arguments, "--shard", "1/2")
    assert last.exit_code == 0 and "run folder: run" in last.stdout and Path("run/report.html").is_file()


def test_two_commands_at_the_same_moment(tmp_path: Path, graphkit: Command) -> None:
    def one(shard: str) -> None:
        main([*map(str, KARATE), "--output", "run", "--quiet", "--shard", shard], standalone_mode=False)

    both = [Child(lambda shard=shard: one(shard), tmp_path / "errors") for shard in ("0/2", "1/2")]  # type: ignore[misc]
    assert [process.end() for process in both] == [0, 0]
    merged = graphkit("train", "--resume", "run", "--shard", "0/2", "--json")
    assert scores(merged.stdout) == scores(graphkit(*KARATE, "--output", "single", "--json").stdout)
