"""Order, repetition and errors of units, with workers that only pretend."""

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graphkit.errors import InputError
from graphkit.experiments import Engine, UnitError, scheduler
from graphkit.experiments.scheduler import run_units
from graphkit.experiments.unit import FitJob, Outcome, run_unit
from graphkit.experiments.workers import Workers
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import LineProgress, Progress

DONE = Outcome("done", peak_memory=7.0)
Script = Callable[[str, int], Outcome]


class Pretended(Workers):
    """Workers whose units end in the order of their start, with the outcomes of a script."""

    limit = 2

    def __init__(self, folder: Path, script: Script) -> None:
        self.folder, self.script = folder, script
        self.log: list[str] = []
        self.most, self.stopped, self.closed = 0, False, False

    def submit(self, unit: str) -> Any:
        self.log.append(unit)
        return unit, len(self.log)

    def wait(self, references: Iterable[Any]) -> list[Any]:
        references = list(references)
        self.most = max(self.most, len(references))
        return references[:1]

    def outcome(self, reference: Any) -> Outcome:
        unit = reference[0]
        outcome = self.script(unit, self.log.count(unit))
        if outcome.state == "done":
            (self.folder / unit).mkdir(parents=True, exist_ok=True)
            (self.folder / unit / "fit.json").touch()
        return outcome

    def stop(self, references: Iterable[Any]) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True


class Said(Progress):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


class Case:
    """Runs units with pretended workers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.said, self.interrupt = folder, Said(), SimpleNamespace(raised=False)
        self.patch = monkeypatch
        self.prepared: list[str] = []

    def __call__(
        self, units: Iterable[str], script: Script = lambda unit, time: DONE, needs: dict[str, list[str]] | None = None
    ) -> float:
        self.workers = Pretended(self.folder, script)
        self.patch.setattr(scheduler, "_start", lambda *_: self.workers)
        plan = SimpleNamespace(needs=lambda unit: (needs or {}).get(unit, []), reads=None)
        plan.prepare = lambda unit, folder: self.prepared.append(unit)
        return run_units(
            FitJob(self.folder), units, plan, Engine(jobs=2), self.said,
            self.interrupt,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(tmp_path, monkeypatch)


def test_units_that_others_need_are_first(case: Case) -> None:
    peak = case(["c", "a", "b", "d"], needs={"c": ["a", "b"], "d": ["c"]})
    assert (
        case.workers.log == case.prepared == ["a", "b", "c", "d"]
        and case.workers.most == 2
        and case.workers.closed
        and peak == 7.0
    )


def test_complete_units_are_not_run_again(case: Case) -> None:
    case("ab")
    assert case("abc", needs={"c": ["a"]}) == 7.0 and case.workers.log == ["c"]
    assert case("abc") == 0.0


def test_a_failed_unit_is_repeated_twice_and_the_others_go_on(case: Case) -> None:
    def script(unit: str, time: int) -> Outcome:
        return Outcome("failed", "ValueError: oops", "bug", "Traceback ...") if unit == "b" else DONE

    with pytest.raises(UnitError, match=r"^b: ValueError: oops \(1 of 4 units failed, 2 are complete\)\n\nTraceback"):
        case("abcd", script, needs={"d": ["b"]})
    assert case.workers.log == ["a", "b", "c", "b", "b"]  # d needs b
    assert case.said.lines == [
        "b failed: ValueError: oops; repeated (1 of 2)",
        "b failed: ValueError: oops; repeated (2 of 2)",
        "b failed: ValueError: oops; not repeated; the others go on",
    ]
    assert case("abcd", needs={"d": ["b"]}) and case.workers.log == ["b", "d"]


def test_a_unit_whose_machine_was_lost_once_is_complete(case: Case) -> None:
    case("ab", lambda unit, time: Outcome("failed", "its machine was lost", "system") if time < 3 else DONE)
    assert case.workers.log == ["a", "b"] * 3
    with pytest.raises(OSError, match="^c: its machine was lost"):
        case("c", lambda unit, time: Outcome("failed", "its machine was lost", "system"))


def test_a_mistake_is_not_repeated(case: Case) -> None:
    with pytest.raises(InputError, match=r"^a: `x` must be 1 \(got 2\) \(1 of 2 units failed, 1 are complete\)$"):
        case("ab", lambda unit, time: Outcome("failed", "`x` must be 1 (got 2)", "input") if unit == "a" else DONE)
    assert case.workers.log == ["a", "b"]


def test_a_machine_without_the_folder_is_sent_the_unit_again(case: Case) -> None:
    case("a", lambda unit, time: Outcome("unshared") if time == 1 else DONE)
    assert case.workers.log == ["a", "a"] and not case.said.lines


def test_ctrl_c_stops_the_running_units_and_starts_no_others(case: Case) -> None:
    def script(unit: str, time: int) -> Outcome:
        case.interrupt.raised = True
        return DONE if unit == "a" else Outcome("interrupted")

    with pytest.raises(Interrupted, match="interrupted; 1 of 4 units are complete") as stop:
        case("abcd", script)
    assert case.workers.log == ["a", "b"] and case.workers.stopped and stop.value.folder == case.folder


def test_notes_of_units_have_their_names(case: Case) -> None:
    case("ab", lambda unit, time: DONE._replace(notes=(f"note of {unit}", f"{unit} is named")))
    assert case.said.lines == ["a: note of a", "a is named", "b: note of b", "b is named"]


def test_lines_of_units(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress(seconds=0.0)
    progress.start_units("run", 3, 1)
    progress.end_unit("seed-1")
    progress.end_unit("seed-2")
    progress.close()
    assert capsys.readouterr().err == "run 2/3 units seed-1\nrun 3/3 units seed-2\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "expected `jobs` of at least 1, got 0"),
        ({"on": "slurm"}, "expected `on` ray or ray://HOST:PORT, got 'slurm'"),
        ({"on": "ray://"}, "expected `on` ray or ray://HOST:PORT"),
        ({"on": "ray", "jobs": 2}, "expected `jobs` or `on`, got jobs 2 and on ray; leave one out"),
        ({"unit_cpus": 2}, "expected `unit_cpus` of at least 1 with `jobs` or `on`, got 2"),
        ({"unit_gpus": 1, "jobs": 2}, "expected `unit_gpus` of at least 0 with `on`, got 1"),
    ],
)
def test_engines_that_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Engine(**options)


def test_the_outcome_of_an_error_tells_its_kind(tmp_path: Path) -> None:
    outcome = run_unit(FitJob(tmp_path), "seed-0")  # no run folder
    assert (outcome.state, outcome.kind) == ("failed", "system") and "is not a run folder" in outcome.message

    class Broken(FitJob):
        def run(self, *_: Any) -> float:
            os.kill(os.getpid(), signal.SIGINT)
            raise LookupError("oops")

    outcome = run_unit(Broken(tmp_path), "a")
    assert (outcome.kind, outcome.message) == ("bug", "LookupError: oops") and "in run" in outcome.trace
