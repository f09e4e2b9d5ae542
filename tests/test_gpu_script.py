"""What ``benchmarks/gpu`` does when a step fails. That all steps go through is for ``make gpu-dry-run`` to show."""

import importlib.util
import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from graphkit.ops._cuda import read_record

STEPS = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu" / "steps"
WORKER = """
import json, os, sys, time
pipe, done = int(sys.argv[2]), json.load(open(sys.argv[3]))
def say(**message):
    os.write(pipe, json.dumps(message).encode() + b"\\n")
say(about={"device": "none"})
say(units=UNITS)
for unit in UNITS:
    if unit in done:
        continue
    say(begin=unit, limit=1.0 if unit == "hangs" else 60.0)
    if unit == "ends":
        print("a last word", flush=True)
        os._exit(1)
    if unit in ("hangs", "waits"):
        time.sleep(600)
    say(row={"unit": unit, "status": "failed" if unit == "fails" else "ok"})
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that goes down the list of steps."""
    monkeypatch.syspath_prepend(str(STEPS))
    spec = importlib.util.spec_from_file_location("gpu_script", STEPS / "main.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(script: ModuleType, folder: Path, units: list[str], dry: bool = True) -> Any:
    """A run whose steps have the given units."""
    arguments = ["--out", str(folder / "out"), *(["--dry-run"] if dry else [])]
    (folder / "work").mkdir()
    machine = script.Machine(script.parse(arguments), folder / "work")
    machine.worker = folder / "worker.py"
    machine.worker.write_text(f"UNITS = {units}\n{textwrap.dedent(WORKER)}")
    return machine


def written(folder: Path, step: str) -> dict[str, Any]:
    return json.loads((folder / "out" / f"{step}.json").read_text())


def test_a_unit_that_fails_ends_or_hangs_costs_no_other(script: ModuleType, tmp_path: Path) -> None:
    machine = make(script, tmp_path, ["fails", "first", "ends", "second", "hangs", "third"])
    machine.dry = False  # whose units get ten times the time
    machine.step("timing")
    content = written(tmp_path, "timing")
    units = {row["unit"]: row for row in content["rows"]}
    assert {unit: row["status"] for unit, row in units.items()} == {
        "fails": "failed",
        "first": "ok",
        "ends": "failed",
        "second": "ok",
        "hangs": "failed",
        "third": "ok",
    }
    assert "a last word" in units["ends"]["message"] and "took too long" in units["hangs"]["message"]
    assert machine.failed and content["device"] == "none"


def test_a_step_that_cannot_start_is_a_failure(script: ModuleType, tmp_path: Path) -> None:
    machine = make(script, tmp_path, [])
    machine.worker.write_text("raise SystemExit('no GPU')")
    machine.step("timing")
    assert machine.failed and "no GPU" in written(tmp_path, "timing")["rows"][0]["message"]


def test_what_the_time_does_not_suffice_for_is_not_run(script: ModuleType, tmp_path: Path) -> None:
    machine = make(script, tmp_path, ["first", "waits", "last"])
    machine.deadline = time.monotonic() + script.LEAST + 2
    script.STEPS["timing"] = 0.3
    machine.step("timing")
    assert [row["status"] for row in written(tmp_path, "timing")["rows"]] == ["dry run", "not run", "not run"]
    assert not machine.failed
    machine.step("training")
    assert [row["message"] for row in written(tmp_path, "training")["rows"]] == ["there was no time left"]


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or sys.platform == "win32", reason="signals of Unix")
def test_a_signal_leaves_what_there_is(tmp_path: Path) -> None:
    """What is not done counts as not run, and no process stays behind."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "built").touch()
    (tmp_path / "worker.py").write_text(f"UNITS = ['first', 'waits', 'last']\n{textwrap.dedent(WORKER)}")
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(STEPS)!r})
sys.argv = ["main.py", "--dry-run", "--out", {str(tmp_path / "out")!r}, "--from", "tests"]
import main
main.work_folder = lambda: Path({str(tmp_path / "work")!r})
main.Machine.worker = Path({str(tmp_path / "worker.py")!r})
sys.exit(main.main())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    path = tmp_path / "out" / "tests.json"
    for _ in range(600):
        if path.exists() and '"first"' in path.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "stopped by SIGTERM" in said and "2 not run" in said
    assert [row["status"] for row in written(tmp_path, "tests")["rows"]] == ["dry run", "not run", "not run"]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path / "worker.py") not in listed
    assert json.loads((tmp_path / "out" / "tested_devices.json").read_text()) == {"tested": []}


def test_which_operators_passed(script: ModuleType, tmp_path: Path) -> None:
    machine = make(script, tmp_path, [])
    report = script.Report(tmp_path / "out", "tests", dry=False)
    report.about |= {"kernels": ["segment_max", "segment_sum", "joint_mix"], "architecture": "sm_90"}
    report.about |= {"torch": "2.11.0", "sources": "abc123", "device": "H100"}
    rows = [("segment_sum", "ok"), ("segment_max", "ok"), ("joint_mix", "ok"), ("segment_max", "failed")]
    report.rows = [{"unit": f"tests/test_x.py::test_{k}[{name}]", "status": s} for k, (name, s) in enumerate(rows)]

    def passed() -> list[str]:
        machine.record(report)
        rows = read_record(tmp_path / "out" / "tested_devices.json")
        assert all(row.architecture == "sm_90" and row.sources == "abc123" for row in rows)
        return [row.operator for row in rows]

    machine.dry = False
    assert passed() == ["segment_sum", "joint_mix"]
    report.about["kernels"] += ["aggregate", "factor_aggregate"]  # a name that is in another one
    report.rows.append({"unit": "tests/test_x.py::test_y[factor_aggregate]", "status": "ok"})
    assert passed() == ["segment_sum", "joint_mix", "factor_aggregate"]
    report.rows.append({"unit": "tests/test_x.py::test_y[aggregate_sum]", "status": "ok"})
    report.rows.append({"unit": "tests/test_x.py::test_z[factor_aggregate]", "status": "failed"})
    assert passed() == ["segment_sum", "joint_mix", "aggregate"]
    report.rows.append({"unit": "tests/test_x.py::test_y[aggregate_max]", "status": "failed"})
    report.rows.append({"unit": "tests/test_x.py::test_y[joint_mix]", "status": "not run"})
    assert passed() == ["segment_sum"]
    report.rows.append({"unit": "memcheck", "status": "not run"})  # where the tool is absent
    assert passed() == ["segment_sum"]
    report.rows.append({"unit": "memcheck", "status": "failed"})  # names no operator: it may be any
    assert passed() == []
