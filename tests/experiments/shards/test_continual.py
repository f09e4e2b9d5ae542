from pathlib import Path
from typing import Any

import pytest

from tests.experiments.shards.processes import Child, Logged
from tests.fitting import fit_continual, resume_continual

CONFIG: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 8},
    "data": {"name": "sbm-continual", "num_classes": 4, "size": 12},
    "train": {"epochs": 2, "check": 2},
    "strategies": {"lwf": {}, "fine-tune": {}},
    "search": True,
    "seeds": 2,
}


def scores(value: Any) -> Any:
    """Returns a result without what depends on the clock, the process and the folder."""
    if isinstance(value, dict):
        free = ("seconds", "seconds_per_task", "peak_memory_mb", "run")
        return {key: scores(item) for key, item in value.items() if key not in free}
    return value


@pytest.fixture(scope="module")
def single_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fit_continual(CONFIG, tmp_path_factory.mktemp("whole") / "run")


def test_one_after_the_other_they_are_the_single_run(tmp_path: Path, single_run: dict[str, Any]) -> None:
    first = fit_continual(CONFIG, tmp_path, shard="0/2")
    seeds = [unit for unit in first["did"] if "/seed-" in unit]
    assert seeds and first["left"] and set(first["left"].values()) == {"1/2"}
    # Its seeds needed the outcome of the whole search, so that it did the other shard's part of that.
    assert sum("lwf/search-" in unit for unit in first["did"]) == len(single_run["strategies"]["lwf"]["search"])
    second = fit_continual(CONFIG, tmp_path, shard="1/2")
    assert scores(second) == scores(single_run)
    assert scores(fit_continual(CONFIG, tmp_path, shard="0/2")) == scores(single_run)


def test_at_the_same_moment_too(tmp_path: Path, single_run: dict[str, Any]) -> None:
    log = Logged(tmp_path / "log")

    def one(index: int) -> None:
        fit_continual(CONFIG, tmp_path / "run", log, f"{index}/3")

    children = [Child(lambda index=index: one(index), tmp_path / f"errors-{index}") for index in range(3)]  # type: ignore[misc]
    assert [child.end() for child in children] == [0, 0, 0]
    assert len(log.lines()) == 24  # eight settings and four seeds with two tasks each: nothing began twice
    assert scores(resume_continual(tmp_path / "run")) == scores(single_run)
