import json
import os
import threading
import time
from pathlib import Path

import pytest

from graphkit.experiments.shards import claims as module
from graphkit.experiments.shards.claims import Claims, Worker
from graphkit.processes import machine_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("units", "workers"):
        (tmp_path / name).mkdir()
    return tmp_path


def claims_of(folder: Path, worker: Worker) -> Claims:
    return Claims(folder / "units", worker)


def foreign(folder: Path) -> Path:
    """Lets a process of another machine hold the claim ``a``, and returns the file that it touches."""
    path = folder / "workers" / "other.json"
    path.write_text(json.dumps({"host": "node7", "machine": "elsewhere", "process": 1, "started": "1"}))
    (folder / "units" / "a.1").write_text(json.dumps({"state": "working", "worker": "other"}))
    return path


def test_a_claim_is_for_one_until_it_is_left(folder: Path) -> None:
    with Worker(folder / "workers") as one, Worker(folder / "workers") as two:
        first, second = claims_of(folder, one), claims_of(folder, two)
        assert first.take("a") and not second.take("a") and second.take("b")
        first.end("a", "left")
        assert second.take("a") and not first.take("a")
        assert sorted(os.listdir(folder / "units")) == ["a.1", "a.2", "b.1"]
        second.end_all()
        assert first.take("a") and first.take("b")
    assert os.listdir(folder / "workers") == []


def test_of_many_at_once_one_gets_it(folder: Path) -> None:
    with Worker(folder / "workers") as worker:
        all_claims = [claims_of(folder, worker) for _ in range(8)]
        ready, won = threading.Barrier(8), []
        threads = [
            threading.Thread(target=lambda claims=claims: (ready.wait(), won.append(claims.take("a"))))
            for claims in all_claims  # type: ignore[misc]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_dead_process_of_this_machine_holds_nothing(folder: Path) -> None:
    here = {"host": "here", "machine": machine_id(), "process": os.getpid(), "started": "1"}
    (folder / "workers" / "old.json").write_text(json.dumps(here))  # this number, but begun at another time
    (folder / "units" / "a.1").write_text(json.dumps({"state": "working", "worker": "old"}))
    with Worker(folder / "workers") as worker:
        assert not (folder / "workers" / "old.json").exists()
        claims = claims_of(folder, worker)
        assert claims.holder("a") == ("no process", False) and claims.take("a")


def test_a_silent_process_of_another_machine_is_taken_for_dead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.3)
    foreign(folder)
    with Worker(folder / "workers") as worker:
        claims = claims_of(folder, worker)
        assert not claims.take("a") and claims.holder("a") == ("process 1 on node7", None)
        time.sleep(0.4)
        assert claims.holder("a")[1] is False and claims.take("a")


def test_one_that_gives_signs_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.5)
    path = foreign(folder)
    with Worker(folder / "workers") as worker:
        claims = claims_of(folder, worker)
        for beat in range(4):
            assert not claims.take("a")
            os.utime(path, ns=(beat, beat))
            time.sleep(0.2)
        assert claims.holder("a") == ("process 1 on node7", True)


def test_a_claim_that_is_not_whole_is_held_for_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.2)
    (folder / "units" / "a.1").touch()
    with Worker(folder / "workers") as worker:
        claims = claims_of(folder, worker)
        assert not claims.take("a")
        time.sleep(0.3)
        assert claims.take("a")


def test_a_worker_gives_signs_of_life(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.05)
    with Worker(folder / "workers") as worker:
        os.utime(worker.path, ns=(0, 0))
        limit = time.monotonic() + 10
        while worker.path.stat().st_mtime_ns == 0:
            assert time.monotonic() < limit
            time.sleep(0.02)
