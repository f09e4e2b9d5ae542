"""Loss of a machine of a simulated Ray cluster: the run ends with the same result."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from graphkit.experiments import Engine, build_config, run
from graphkit.training.progress import Progress
from tests.experiments.test_jobs import CONFIG, Slow, scores
from tests.fitting import fit

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
ray = pytest.importorskip("ray")


class Said(Progress):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def test_a_machine_that_is_lost_in_mid_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.cluster_utils import Cluster

    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    config: dict[str, Any] = {**CONFIG, "train": {"epochs": 200}}
    said, folder = Said(), tmp_path / "run"
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8}
    )
    other = cluster.add_node(num_cpus=1, object_store_memory=10**8)
    try:
        ray.init(address=cluster.address, log_to_driver=False)

        def remove() -> None:
            while len(list(folder.glob("seed-*/state.pt"))) < 2:  # both machines work
                time.sleep(0.02)
            cluster.remove_node(other, allow_graceful=False)

        thread = threading.Thread(target=remove)
        thread.start()
        configuration = build_config("train", config, recipe="none")
        result = run(configuration, folder, said, callbacks=[Slow()], engine=Engine(on="ray")).result
        thread.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert any("its process or machine was lost" in line and "repeated (1 of 2)" in line for line in said.lines)
    assert scores(result) == scores(fit(config, tmp_path / "single"))
