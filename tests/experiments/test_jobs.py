"""Fits in local processes: the numbers of one process, Ctrl-C, and processes that are killed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from graphkit.errors import InputError, MissingPackageError
from graphkit.experiments import Callback, Engine, build_config, resume, run
from graphkit.experiments.write_paths import write_paths
from graphkit.training.progress import Progress
from tests.fitting import fit

CONFIG: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 8}, "data": {"name": "karate"}, "train": {"epochs": 4}, "seeds": 4
}  # fmt: skip
JOBS = Engine(jobs=2)
#: Keys that depend on the clock, the process and the folder.
OF_THE_MACHINE = ("seconds", "peak_memory_mb", "run")


def scores(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OF_THE_MACHINE}


def children(process: int) -> list[int]:
    """Returns the processes that a process has started."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"PPid:\t{process}\n" in (entry / "status").read_text():
                pids.append(int(entry.name))
    return pids


class KillsAWorker(Progress):
    """Kills the processes of the units that run, when the first one ends."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.killed = False

    def end_unit(self, unit: str) -> None:
        if not self.killed:
            self.killed = True
            for server in children(os.getpid()):
                for process in children(server):
                    os.kill(process, signal.SIGKILL)

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.mark.extended
def test_two_processes_and_killed_ones_give_the_numbers_of_one(tmp_path: Path) -> None:
    single = fit(CONFIG, tmp_path / "single")
    progress = KillsAWorker()
    result = fit(CONFIG, tmp_path / "jobs", progress, JOBS)
    assert scores(result) == scores(single) and progress.killed
    assert any("its process was killed" in line and "repeated (1 of 2)" in line for line in progress.said)
    for name in ("config.yaml", "metrics.csv", "model.safetensors"):
        for seed in range(4):
            one, other = (tmp_path / folder / f"seed-{seed}" / name for folder in ("single", "jobs"))
            if name != "metrics.csv":  # which has seconds
                assert one.read_bytes() == other.read_bytes()
    assert not [process for server in children(os.getpid()) for process in children(server)]


class Slow(Callback):
    """Makes epochs long enough to be interrupted."""

    def on_epoch(self, info: Any, row: Any) -> None:
        time.sleep(0.05)


@pytest.mark.extended
def test_ctrl_c_leaves_checkpoints_and_the_rest_is_resumed(tmp_path: Path) -> None:
    config = {**CONFIG, "seeds": 3, "train": {"epochs": 60}}
    lines = tmp_path / "call.py"
    lines.write_text(
        "import sys\nfrom tests.experiments.test_jobs import Slow\nfrom graphkit.experiments import *\n"
        "if __name__ == '__main__':\n"
        f"    config = build_config('train', {config!r}, recipe='none')\n"
        f"    run(config, {str(tmp_path / 'run')!r}, make_progress(), callbacks=[Slow()], engine=Engine(jobs=2))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, lines], env=environment, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 120
    while not (tmp_path / "run" / "seed-0" / "env.json").exists():
        assert process.poll() is None and time.monotonic() < limit, process.communicate()
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    assert "of 3 units are complete" in process.communicate(timeout=60)[1] and process.returncode == 1
    assert (tmp_path / "run" / "seed-0" / "state.pt").exists() and not (tmp_path / "run" / "result.json").exists()
    assert scores(resume(tmp_path / "run", engine=JOBS).result) == scores(fit(config, tmp_path / "single"))


@pytest.mark.extended
def test_processes_end_when_the_driver_is_killed(tmp_path: Path) -> None:
    lines = tmp_path / "call.py"
    lines.write_text(
        "from tests.experiments.test_jobs import Slow, CONFIG\nfrom graphkit.experiments import *\n"
        "if __name__ == '__main__':\n"
        "    config = build_config('train', {**CONFIG, 'train': {'epochs': 10000}}, recipe='none')\n"
        f"    run(config, {str(tmp_path / 'run')!r}, callbacks=[Slow()], engine=Engine(jobs=2))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1", "MARK": str(tmp_path)}
    process = subprocess.Popen([sys.executable, lines], env=environment)

    def left() -> list[str]:
        names = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                names += [entry.name] if f"MARK={tmp_path}".encode() in (entry / "environ").read_bytes() else []
        return names

    limit = time.monotonic() + 120
    while not (tmp_path / "run" / "seed-1" / "env.json").exists():
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.05)
    process.kill()
    process.wait()
    while left():
        assert time.monotonic() < limit, left()
        time.sleep(0.05)


def test_what_cannot_be_sent_to_other_processes_is_named(tmp_path: Path) -> None:
    class Here(Callback):
        pass

    config = build_config("train", CONFIG, recipe="none")
    with pytest.raises(InputError, match="expected callbacks and models that can be pickled"):
        run(config, tmp_path / "run", callbacks=[Here()], engine=JOBS)


def test_without_ray_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    config = build_config("train", CONFIG, recipe="none")
    with pytest.raises(MissingPackageError, match="`on` needs Ray, which is not installed: pip install ray$"):
        run(config, tmp_path / "run", engine=Engine(on="ray"))
    assert not list(tmp_path.iterdir())


@pytest.mark.extended
def test_paths_in_two_processes(tmp_path: Path) -> None:
    import graphkit

    graph = graphkit.load("karate").graphs[0]
    for name, engine in (("one", Engine()), ("two", JOBS)):
        write_paths(graph, tmp_path / name, 3, 1.0, block=10, engine=engine)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) > 24 and all(
        (tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files
    )


def test_continual_fits_are_refused_under_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphkit.experiments import driver

    class Two:
        world_size, rank = 2, 0

    monkeypatch.setattr(driver, "get_communicator", Two)
    config = build_config("continual", {"data": {"name": "karate"}, "model": {"name": "gcn"}}, recipe="none")
    with pytest.raises(InputError, match="got 2 of torchrun; start it without torchrun, with --jobs 2"):
        run(config, tmp_path / "run")
    with pytest.raises(InputError, match="got 2 of torchrun"):
        run(build_config("train", CONFIG, recipe="none"), tmp_path / "run", engine=JOBS)
    assert not list(tmp_path.iterdir())
