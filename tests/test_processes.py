import os
from pathlib import Path

from graphkit.processes import alive, machine_id, started
from tests.child_process import Child


def test_a_process_that_has_ended_is_told_from_one_that_runs(tmp_path: Path) -> None:
    assert alive(os.getpid()) and alive(os.getpid(), started(os.getpid()))
    child = Child(lambda: None, tmp_path / "errors")
    assert child.end() == 0 and not alive(child.process)


def test_another_process_with_the_same_number_is_another_one() -> None:
    now = started(os.getpid())
    assert alive(os.getpid(), "1") == (now == "")  # where the system does not say, it may be the same


def test_a_machine_has_one_name(tmp_path: Path) -> None:
    def another_process() -> None:
        (tmp_path / "name").write_text(machine_id.__wrapped__())

    assert Child(another_process, tmp_path / "errors").end() == 0
    assert (tmp_path / "name").read_text() == machine_id() and len(machine_id()) == 8
