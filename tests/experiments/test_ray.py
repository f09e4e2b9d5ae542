"""Fits on Ray: the numbers of one process, with and without a shared folder, with killed workers and Ctrl-C."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from graphkit.errors import InputError
from graphkit.experiments import Engine, ray_workers, resume
from graphkit.experiments.ray_workers import RayWorkers
from graphkit.experiments.unit import FitJob
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import Progress
from tests.experiments.test_jobs import CONFIG, Slow, scores
from tests.fitting import fit, fit_distill

pytestmark = pytest.mark.extended
ray = pytest.importorskip("ray")

RAY = Engine(on="ray")
DISTILL: dict[str, Any] = {
    "data": {"name": "karate"},
    "teacher": {"model": {"name": "gcn", "hidden_channels": 8}, "train": {"epochs": 4}},
    "losses": {"kd": {}},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Starts a local Ray, as the option does, for all tests here; returns its home folder."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        workers = RayWorkers(FitJob(tmp_path_factory.mktemp("job")), RAY, lambda unit: ())
        yield home
        workers.close()


def test_a_local_ray_has_a_token_and_leaves_the_home_folder_alone(home: Path) -> None:
    assert ray.is_initialized() and os.environ["RAY_AUTH_TOKEN"] and not list(home.iterdir())


class Said(Progress):
    """Keeps the messages, and kills the process of a unit when the first one ends."""

    def __init__(self, kills: bool = False) -> None:
        self.lines: list[str] = []
        self.kills = kills

    def say(self, message: str) -> None:
        self.lines.append(message)


def workers_of_ray() -> list[int]:
    """Returns the processes in which units run now."""
    names = ((int(entry.name), entry / "cmdline") for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid, path in names if path.exists() and path.read_bytes().startswith(b"ray::_run_on_ray")]


def test_seeds_without_and_with_a_shared_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single = fit(CONFIG, tmp_path / "single")
    assert scores(fit(CONFIG, tmp_path / "shared", engine=RAY)) == scores(single)
    monkeypatch.setattr(ray_workers, "SHARED", ".elsewhere")  # the tasks look for another file
    assert scores(fit(CONFIG, tmp_path / "apart", engine=RAY)) == scores(single)
    names = [
        sorted(str(path.relative_to(tmp_path / run)) for path in (tmp_path / run).rglob("*"))
        for run in ("single", "shared", "apart")
    ]
    assert names[0] == names[1] == names[2]


def test_students_get_the_teacher_of_another_machine(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = fit_distill(DISTILL, tmp_path / "single")
    monkeypatch.setattr(ray_workers, "SHARED", ".elsewhere")
    result = fit_distill(DISTILL, tmp_path / "ray", engine=RAY)
    assert [network["test"] for network in result["networks"]] == [network["test"] for network in single["networks"]]
    for path in (tmp_path / "ray").rglob("*"):
        if path.suffix in (".yaml", ".json"):
            text = path.read_text()
            assert "/tmp/tmp" not in text, path
    assert f"teacher: {tmp_path}/ray/teacher" in (tmp_path / "ray" / "kd" / "config.yaml").read_text()


def test_a_killed_process_and_ctrl_c(home: Path, tmp_path: Path) -> None:
    from graphkit.experiments import build_config, run

    config = {**CONFIG, "seeds": 2, "train": {"epochs": 200}}
    said, folder = Said(), tmp_path / "run"
    killed: set[int] = set()

    def disturb() -> None:
        while not (folder / "seed-0" / "state.pt").exists():
            time.sleep(0.02)
        killed.update(workers_of_ray())
        for process in killed:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while not set(workers_of_ray()) - killed:
            time.sleep(0.02)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=disturb)
    thread.start()
    with pytest.raises(Interrupted, match="of 2 units are complete"):
        run(build_config("train", config, recipe="none"), folder, said, callbacks=[Slow()], engine=RAY)
    thread.join()
    assert killed and any("was lost (WorkerCrashedError); repeated (1 of 2)" in line for line in said.lines)
    assert (folder / "seed-0" / "state.pt").exists() and not (folder / ".shared").exists()
    assert scores(resume(folder).result) == scores(fit(config, tmp_path / "single"))


def test_a_mistake_on_another_machine_is_one_line(home: Path, tmp_path: Path) -> None:
    config = {**CONFIG, "model": {"name": "gcn"}, "train": {"epochs": 2, "threads": 1}}
    fit(config, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    (tmp_path / "run" / "seed-1" / "fit.json").unlink()
    (tmp_path / "run" / "seed-1" / "env.json").write_text("[]")
    with pytest.raises(InputError, match=r"^seed-1: .*env.json' is damaged .* \(1 of 4 units failed, 3 are complete\)"):
        resume(tmp_path / "run", engine=RAY)
