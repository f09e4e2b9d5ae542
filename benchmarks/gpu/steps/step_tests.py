"""Step 2: the tests of the operators on the GPU, and a small case under compute-sanitizer."""

import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from reporting import DEVICE, END, Reporter, Row, leave_if_broken

from tests.ops.cuda import launchers

FILES = (
    "operators",
    "runtime",
    "segments",
    "aggregate",
    "factor_aggregate",
    "path_attention",
    "similarity",
    "accelerate",
)
LIMIT = 60.0  # seconds for a test; the first one that is compiled may take half of them


class Recorder:
    """A plugin of pytest that reports every test as a unit.

    Args:
        reporter: Takes the rows.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter, self.count = reporter, 0
        self.begin, self.outcome, self.message = 0.0, "ok", ""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Announces all tests and leaves out those that need no more work."""
        self.count = len(items)
        self.reporter.say(units=[item.nodeid for item in items] + list(SANITIZERS))
        items[:] = [item for item in items if item.nodeid not in self.reporter.done]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Reports a file that cannot be read, or skips itself."""
        if report.outcome != "passed":
            self.reporter.row(f"collection of {report.nodeid}", "failed", message=str(report.longrepr)[-1500:])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begins a test."""
        launchers.ERRORS.clear()
        self.begin, self.outcome, self.message = time.monotonic(), "ok", ""
        self.reporter.say(begin=nodeid, limit=LIMIT)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes in the outcome of a test's preparation, call or end."""
        if report.outcome != "passed" and self.outcome != "failed":
            self.outcome = "failed" if report.outcome == "failed" else "not run"
            self.message = str(report.longrepr)[-1500:]

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Reports a test, with its largest relative error of each type."""
        errors: dict[str, float] = {}
        for dtype, error in launchers.ERRORS:
            errors[f"error_{dtype}"] = max(error, errors.get(f"error_{dtype}", 0.0))
        fields: Row = errors | ({"message": self.message} if self.message else {})
        fields |= {"skipped": True} if self.outcome == "not run" else {}
        self.reporter.row(nodeid, self.outcome, seconds=round(time.monotonic() - self.begin, 2), **fields)
        if self.outcome == "failed":
            leave_if_broken()


def small_case(device: str) -> None:
    """Calls every operator and its gradients on small graphs, for a tool that watches the kernels."""
    from tests.ops.cuda.operators import KINDS, OPERATORS, Graph, make_graph, make_inputs

    for kind in KINDS:
        graph = make_graph(kind, 40)
        there = Graph(*(tensor.to(device) for tensor in graph))
        for operator in OPERATORS.values():
            inputs = [t.to(device).requires_grad_() for t in make_inputs(operator, graph, torch.float32)]
            operator.ours(inputs, there).sum().backward()
    if device == "cuda":
        torch.cuda.synchronize()


def sanitizer(tool: str) -> Callable[[], Row]:
    """Returns a unit: the small case under a tool of compute-sanitizer."""

    def call() -> Row:
        here = str(Path(__file__).parent)
        code = f"import sys; sys.path.insert(0, {here!r}); import step_tests; step_tests.small_case('cuda')"
        case = [sys.executable, "-c", code]
        homes = [os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"]
        folders = os.pathsep.join([os.environ["PATH"], *(f"{home}/bin" for home in homes if home)])
        program = shutil.which("compute-sanitizer", path=folders)
        if DEVICE == "cpu":
            if tool == "memcheck":
                small_case("cpu")
            return {"status": "not run", "message": "only a GPU can be watched; the case itself ran on the CPU"}
        if program is None:
            return {"status": "not run", "message": "there is no compute-sanitizer"}
        left = END - time.monotonic()
        if left < 30:
            return {"status": "not run", "message": "there was no time left"}
        command = [program, "--tool", tool, "--error-exitcode", "9", "--print-limit", "10", *case]
        environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=min(left - 5, SANITIZER_LIMIT - 5)
            )
        except subprocess.TimeoutExpired:
            return {"status": "not run", "message": "it was too slow"}
        said = (done.stdout + done.stderr)[-1500:]
        if done.returncode == 0:
            return {"message": said.strip().splitlines()[-1] if said.strip() else ""}
        return {"status": "failed" if done.returncode == 9 else "not run", "message": said}

    return call


SANITIZER_LIMIT = 120.0
SANITIZERS = {tool: sanitizer(tool) for tool in ("memcheck", "racecheck")}


def run(reporter: Reporter) -> None:
    """Works off the step."""
    recorder = Recorder(reporter)
    root = Path(__file__).resolve().parents[3]
    files = [str(root / f"tests/ops/cuda/test_gpu_{name}.py") for name in FILES]
    # Other packages' warnings are not the kernels' mistakes.
    options = ["-q", "-W", "ignore", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no"]
    code = pytest.main([*options, "-c", str(root / "setup.cfg"), *files], plugins=[recorder])
    if recorder.count == 0 or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        reporter.row("collection", "failed", message=f"{recorder.count} tests were found, pytest ended with {code}")
    try:
        reporter.work_off(SANITIZERS, SANITIZER_LIMIT)
    except Exception:
        reporter.row("sanitizers", "failed", message=traceback.format_exc()[-1500:])
