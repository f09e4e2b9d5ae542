import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from graphkit.experiments import open_run
from graphkit.experiments.shards import claims
from graphkit.training.progress import Progress
from tests.experiments.shards.processes import Child, wait_for
from tests.fitting import fit, resume

CONFIG: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 8}, "data": {"name": "karate"}, "train": {"epochs": 4}, "seeds": 4
}  # fmt: skip
#: What depends on the clock, the process and the folder.
OF_THE_MACHINE = ("seconds", "peak_memory_mb", "run")


class LayerOutput(Progress):
    """Keeps what a person would see."""

    def __init__(self) -> None:
        self.fits: list[str] = []
        self.begun_at: list[int] = []
        self.said: list[str] = []

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.fits.append(label)
        self.begun_at.append(epoch)

    def say(self, message: str) -> None:
        self.said.append(message)


def scores(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OF_THE_MACHINE}


@pytest.fixture(scope="module")
def single_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Returns the result of a single process."""
    return fit(CONFIG, tmp_path_factory.mktemp("whole") / "run")


def test_the_shards_together_are_the_single_run(tmp_path: Path, single_run: dict[str, Any]) -> None:
    first = fit(CONFIG, tmp_path / "run", shard="0/2")
    assert first["did"] == ["seed-0", "seed-2"] and first["left"] == {"seed-1": "1/2", "seed-3": "1/2"}
    assert not (tmp_path / "run" / "result.json").exists()
    second = fit(CONFIG, tmp_path / "run", shard="1/2")
    assert scores(second) == scores(single_run)
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == second
    assert [run.path.name for run in open_run(tmp_path / "run").members] == ["seed-0", "seed-1", "seed-2", "seed-3"]
    manifest = json.loads((tmp_path / "run" / "shards" / "manifest.json").read_text())
    assert manifest["units"] == {"seed-0": 0, "seed-1": 1, "seed-2": 0, "seed-3": 1} and manifest["count"] == 2


MUTAG = Path(os.environ.get("GRAPHKIT_DATA", "nowhere"), "TUDataset", "MUTAG")


@pytest.mark.skipif(not MUTAG.is_dir(), reason="needs MUTAG's raw files")
def test_folds_are_shared_out_too(tmp_path: Path) -> None:
    config = {**CONFIG, "data": {"name": "mutag"}, "train": {"epochs": 2}, "seeds": 1}
    single = fit(config, tmp_path / "single")
    assert "fold-0" in fit(config, tmp_path / "shared", shard="0/3")["did"]
    for index in (2, 1):
        result = fit(config, tmp_path / "shared", shard=f"{index}/3")
    assert scores(result) == scores(single) and result["selected_on"] == "fold"


def test_nothing_is_done_twice(tmp_path: Path, single_run: dict[str, Any]) -> None:
    fit(CONFIG, tmp_path, shard="0/2")
    heard = LayerOutput()
    assert fit(CONFIG, tmp_path, heard, shard="0/2")["did"] == [] and not heard.fits
    assert heard.said == ["shard 0/2: all units are already complete"]
    fit(CONFIG, tmp_path, shard="1/2")
    before = (tmp_path / "result.json").read_bytes()
    assert scores(fit(CONFIG, tmp_path, heard, shard="1/2")) == scores(single_run) and not heard.fits
    assert (tmp_path / "result.json").read_bytes() == before


def test_a_unit_that_was_deleted_is_done_again_and_merged(tmp_path: Path, single_run: dict[str, Any]) -> None:
    for index in (0, 1):
        fit(CONFIG, tmp_path, shard=f"{index}/2")
    (tmp_path / "seed-1" / "fit.json").unlink()
    (tmp_path / "seed-1" / "state.pt").unlink()
    heard = LayerOutput()
    assert scores(fit(CONFIG, tmp_path, heard, shard="1/2")) == scores(single_run)
    assert heard.fits == ["gcn seed-1"]


def test_more_shards_than_work_and_a_run_of_one_fit(tmp_path: Path) -> None:
    config = {**CONFIG, "seeds": 1}
    assert fit(config, tmp_path / "run", shard="1/2")["left"] == {".": "0/2"}
    result = fit(config, tmp_path / "run", shard="0/2")
    assert scores(result) == scores(fit(config, tmp_path / "single"))


@pytest.mark.parametrize("which", [("0/2", "1/2"), ("0/2", None), (None,)])
def test_resuming_with_and_without_a_shard(
    tmp_path: Path, single_run: dict[str, Any], which: tuple[str | None, ...]
) -> None:
    fit(CONFIG, tmp_path, shard="0/2")
    for shard in which:
        result = resume(tmp_path, shard=shard)
    assert scores(result) == scores(single_run)


def test_what_one_process_began_is_ended_in_shards(
    tmp_path: Path, single_run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed() -> None:
        fit(CONFIG, tmp_path / "run", KilledIn("gcn seed-1"))

    assert Child(killed, tmp_path / "errors").end() == -signal.SIGKILL
    first, heard = resume(tmp_path / "run", LayerOutput(), shard="0/3"), LayerOutput()
    assert first["did"] == ["seed-3"] and first["done"] == ["seed-0", "seed-3"]  # the former was done before
    for index in (1, 2):
        result = resume(tmp_path / "run", heard, shard=f"{index}/3")
    assert heard.fits == ["gcn seed-1", "gcn seed-2"]
    assert scores(result) == scores(single_run)


class KilledIn(Progress):
    """Kills its own process, as nothing else can be caught, in the third epoch of a fit."""

    def __init__(self, label: str) -> None:
        self.label = label

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.now = label

    def update(self, row: dict[str, Any]) -> None:
        if self.now == self.label and row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_shard_goes_on_where_it_was(
    tmp_path: Path, single_run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphkit.training.trainer.CHECKPOINT_SECONDS", 0.0)
    child = Child(lambda: fit(CONFIG, tmp_path / "run", KilledIn("gcn seed-2"), "0/2"), tmp_path / "errors")
    assert child.end() == -signal.SIGKILL
    fit(CONFIG, tmp_path / "run", shard="1/2")
    heard = LayerOutput()
    assert scores(fit(CONFIG, tmp_path / "run", heard, "0/2")) == scores(single_run)
    assert heard.fits == ["gcn seed-2"] and heard.begun_at == [2]  # the third epoch had no checkpoint yet


class Waits(Progress):
    """Says that a fit has begun, and sits there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.path.touch()
        time.sleep(60)


def test_a_shard_is_worked_on_by_one_process_only(tmp_path: Path, single_run: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    child = Child(lambda: fit(CONFIG, folder, Waits(tmp_path / "begun"), "0/2"), tmp_path / "errors")
    try:
        wait_for(tmp_path / "begun")
        with pytest.raises(ValueError, match=rf"shard 0/2 of '.*run' is being worked on by process {child.process} on"):
            fit(CONFIG, folder, shard="0/2")
        with pytest.raises(ValueError, match="shard 0/2 of '.*run' is being worked on by"):
            resume(folder)  # which would be all shards
        assert fit(CONFIG, folder, shard="1/2")["did"] == ["seed-1", "seed-3"]
    finally:
        child.kill()
    assert scores(fit(CONFIG, folder, shard="0/2")) == scores(single_run)  # at once, for its process is seen to be dead


def test_a_shard_of_another_machine_is_refused_while_it_lives_and_taken_over_when_it_is_dead(
    tmp_path: Path, single_run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BEAT", 0.1)
    monkeypatch.setattr(claims, "SILENCE", 3.0)
    monkeypatch.setattr("graphkit.experiments.shards.shard.SILENCE", 3.0)
    monkeypatch.setattr("graphkit.experiments.shards.shard.POLL", 0.05)
    monkeypatch.setattr("graphkit.training.trainer.CHECKPOINT_SECONDS", 0.0)
    folder = tmp_path / "run"

    def elsewhere() -> None:
        claims.machine_id = lambda: "elsewhere"
        fit(CONFIG, folder, Waits(tmp_path / "begun"), "0/2")

    child = Child(elsewhere, tmp_path / "errors")
    try:
        wait_for(tmp_path / "begun")
        heard = LayerOutput()
        with pytest.raises(ValueError, match="shard 0/2 of '.*run' is being worked on by process"):
            fit(CONFIG, folder, heard, shard="0/2")
        assert "waiting up to 3 s for a heartbeat" in heard.said[0]
    finally:
        child.kill()
    assert fit(CONFIG, folder, shard="0/2")["did"] == ["seed-0", "seed-2"]
    assert (folder / "shards" / "units" / "seed-0.2").is_file()
    assert scores(fit(CONFIG, folder, shard="1/2")) == scores(single_run)


def test_all_begin_at_the_same_moment_on_a_folder_that_is_not_there(tmp_path: Path, single_run: dict[str, Any]) -> None:
    folder, begin = tmp_path / "new" / "run", time.monotonic() + 0.3

    def one(index: int) -> None:
        time.sleep(max(0.0, begin - time.monotonic()))
        fit(CONFIG, folder, shard=f"{index}/4")

    children = [Child(lambda index=index: one(index), tmp_path / f"errors-{index}") for index in range(4)]  # type: ignore[misc]
    codes = [child.end() for child in children]
    assert codes == [0] * 4, [child.errors.read_text() for child in children if child.errors.exists()]
    claims = sorted(path.name for path in (folder / "shards" / "units").iterdir())
    assert claims == sorted([f"seed-{k}.1" for k in range(4)] + [f"shard-{k}.1" for k in range(4)])
    assert list((folder / "shards" / "workers").iterdir()) == []
    assert {path.name for path in folder.iterdir() if path.name.startswith(".")} == set()
    assert scores(fit(CONFIG, folder, shard="0/4")) == scores(single_run)


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("2/2", r"--shard I/N must be from 0/2 to 1/2 \(got '2/2'\); I counts from 0"),
        ("0/0", r"needs N of at least 1 \(got '0/0'\)"),
        ("a/b", r"must read I/N, such as 0/4 for the first of four \(got 'a/b'\)"),
        ("-1/2", "must read I/N"),
        ("1", "must read I/N"),
        ("/", "must read I/N"),
    ],
)
def test_what_is_no_shard_is_refused_and_leaves_nothing(tmp_path: Path, shard: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(CONFIG, tmp_path / "run", shard=shard)
    assert not (tmp_path / "run").exists()


def test_other_settings_or_numbers_of_shards_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fit(CONFIG, folder, shard="0/2")
    for config, shard, message in (
        (CONFIG, "0/3", r"was begun with 2 shards \(got --shard I/3\); take --shard 0/2 to 1/2, or another --output"),
        ({**CONFIG, "seeds": 5}, "1/2", r"was begun with seeds = 4 \(got 5\); give the settings it was begun with"),
        ({**CONFIG, "train": {"epochs": 9}}, "1/2", r"was begun with train.epochs = 4 \(got 9\)"),
        ({**CONFIG, "model": {"name": "gcn"}}, "1/2", r"was begun with model.hidden_channels = 8 \(got None\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(config, folder, shard=shard)
    with pytest.raises(ValueError, match="is not empty; choose another, or --resume it"):
        fit(CONFIG, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").touch()
    with pytest.raises(ValueError, match="is not empty"):
        fit(CONFIG, tmp_path / "full", shard="0/2")
    with pytest.raises(ValueError, match="--shard needs --output DIR"):
        fit(CONFIG, shard="0/2")


def test_machines_may_have_other_devices_and_raw_files_elsewhere(tmp_path: Path, single_run: dict[str, Any]) -> None:
    fit({**CONFIG, "device": "cpu"}, tmp_path / "run", shard="0/2")
    (tmp_path / "raw").mkdir()
    data = {"name": "karate", "root": str(tmp_path / "raw")}
    assert scores(fit({**CONFIG, "data": data}, tmp_path / "run", shard="1/2")) == scores(single_run)


def test_torchrun_and_shards_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="torchrun for several processes at the same fit"):
        fit(CONFIG, tmp_path / "run", shard="0/2")
