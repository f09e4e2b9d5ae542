from pathlib import Path
from typing import Any

import pytest

from tests.experiments.shards.processes import Child, Logged
from tests.fitting import fit_distill, resume_distill

CONFIG: dict[str, Any] = {
    "teacher": {"model": {"name": "gcn", "hidden_channels": 16}, "train": {"epochs": 3}},
    "data": {"name": "karate"},
    "losses": {"kd": {}},
    "seeds": 2,
}


def scores(result: dict[str, Any]) -> dict[str, Any]:
    """Returns a result without what depends on the clock, the process and the folder."""
    free = ("seconds", "peak_memory_mb", "run", "latency_ms")
    networks = [{key: value for key, value in entry.items() if key not in free} for entry in result["networks"]]
    return {key: value for key, value in result.items() if key not in free} | {"networks": networks}


@pytest.fixture(scope="module")
def single_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fit_distill(CONFIG, tmp_path_factory.mktemp("whole") / "run")


def test_one_after_the_other_they_are_the_single_run(tmp_path: Path, single_run: dict[str, Any]) -> None:
    first = fit_distill(CONFIG, tmp_path, shard="1/2")
    # Its students need a teacher that is whole, so that it did the other shard's part of that.
    assert first["did"] == ["teacher/seed-1", "alone/seed-1", "teacher/seed-0", "kd/seed-1"]
    assert first["left"] == {"alone/seed-0": "0/2", "kd/seed-0": "0/2"}
    second = fit_distill(CONFIG, tmp_path, shard="0/2")
    assert scores(second) == scores(single_run)
    before = (tmp_path / "result.json").read_bytes()
    assert scores(fit_distill(CONFIG, tmp_path, shard="1/2")) == scores(single_run)
    assert (tmp_path / "result.json").read_bytes() == before


def test_at_the_same_moment_too_with_a_teacher_for_each_seed(tmp_path: Path, single_run: dict[str, Any]) -> None:
    log = Logged(tmp_path / "log")

    def one(index: int) -> None:
        fit_distill(CONFIG, tmp_path / "run", log, f"{index}/2")

    children = [Child(lambda index=index: one(index), tmp_path / f"errors-{index}") for index in range(2)]  # type: ignore[misc]
    assert [child.end() for child in children] == [0, 0]
    assert sorted(log.lines()) == ["gcn seed-0"] * 3 + ["gcn seed-1"] * 3  # three networks: nothing began twice
    assert scores(resume_distill(tmp_path / "run")) == scores(single_run)


def test_a_single_seed(tmp_path: Path) -> None:
    config = {**CONFIG, "seeds": 1}
    assert fit_distill(config, tmp_path / "run", shard="0/2")["did"] == ["teacher", "kd"]
    result = fit_distill(config, tmp_path / "run", shard="1/2")
    assert scores(result) == scores(fit_distill(config, tmp_path / "single"))
