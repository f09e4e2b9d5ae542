"""Runs on a simulated Ray cluster and through a client server: results of one process, and the loss of a machine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from graphkit.experiments import Engine, build_config, run
from graphkit.training.progress import Progress
from tests.experiments.test_jobs import CONFIG, OF_THE_MACHINE, Slow, scores
from tests.fitting import fit

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
ray = pytest.importorskip("ray")

#: Bytes of the object store of a simulated machine.
STORE = 10**8
GCN = {"name": "gcn", "hidden_channels": 8}
KARATE = {"name": "karate"}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("train", {"model": GCN, "data": KARATE, "train": {"epochs": 3}, "seeds": 10}),
    "ten folds": (
        "train",
        {"model": {"name": "gin", "hidden_channels": 8}, "data": {"name": "mutag"}, "train": {"epochs": 2}},
    ),
    "distill": (
        "distill",
        {
            "data": KARATE,
            "teacher": {"model": GCN, "train": {"epochs": 4}},
            "student": {"train": {"epochs": 3}},
            "losses": {"kd": {}, "lsp": {}},
            "seeds": 3,
        },
    ),
    "continual": (
        "continual",
        {
            "model": GCN,
            "data": {"name": "sbm-continual", "num_classes": 4, "size": 12},
            "train": {"epochs": 2},
            "strategies": {"ewc": {}, "fine-tune": {}},
            "search": True,
            "seeds": 3,
        },
    ),
    "search": (
        "search",
        {"models": ["gcn", "mlp"], "data": KARATE, "train": {"epochs": 3}, "trials": 12, "seeds": 2},
    ),
}
MUTAG = Path(os.environ.get("GRAPHKIT_DATA", "nowhere"), "TUDataset", "MUTAG")


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Gives Ray a home folder, and no tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Starts two machines of one CPU each, and connects to them."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE}
    started = Cluster(initialize_head=True, head_node_args=head)
    started.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


class Said(Progress):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def without_clock(value: Any) -> Any:
    """Returns a result without what depends on the clock, the process and the folder."""
    if isinstance(value, dict):
        names = ("seconds_per_task", "seconds_after_task", "latency_ms", *OF_THE_MACHINE)
        return {key: without_clock(entry) for key, entry in value.items() if key not in names}
    return [without_clock(entry) for entry in value] if isinstance(value, list) else value


def files(folder: Path) -> dict[str, bytes]:
    """Returns the weights in a run folder, and the names of all other files."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() * (path.suffix == ".safetensors") for path in paths}


@pytest.mark.parametrize("name", RUNS)
def test_results_and_weights_are_those_of_one_process(cluster: Any, tmp_path: Path, name: str) -> None:
    if name == "ten folds" and not MUTAG.is_dir():
        pytest.skip("needs the raw files of MUTAG")
    command, settings = RUNS[name]
    config = build_config(command, settings, **({} if command == "search" else {"recipe": "none"}))
    single = run(config, tmp_path / "single").result
    result = run(config, tmp_path / "ray", engine=Engine(on="ray")).result
    assert without_clock(result) == without_clock(single)
    assert files(tmp_path / "ray") == files(tmp_path / "single")


def test_a_machine_that_is_lost_in_mid_fit(cluster: Any, tmp_path: Path) -> None:
    config: dict[str, Any] = {**CONFIG, "train": {"epochs": 200}}
    said, folder = Said(), tmp_path / "run"
    (other,) = cluster.worker_nodes

    def remove() -> None:
        while len(list(folder.glob("seed-*/state.pt"))) < 2:  # both machines work
            time.sleep(0.02)
        cluster.remove_node(other, allow_graceful=False)

    thread = threading.Thread(target=remove)
    thread.start()
    configuration = build_config("train", config, recipe="none")
    result = run(configuration, folder, said, callbacks=[Slow()], engine=Engine(on="ray")).result
    thread.join()
    assert any("its process or machine was lost" in line and "repeated (1 of 2)" in line for line in said.lines)
    assert scores(result) == scores(fit(config, tmp_path / "single"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Starts a Ray cluster of one machine with a client server, and returns its address."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        port, client = first.getsockname()[1], second.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="ray-")  # the paths of sockets must be short
    line = (
        f"start --head --block --port {port} --ray-client-server-port {client} --num-cpus 2 --include-dashboard false "
        f"--object-store-memory {STORE} --temp-dir {folder}"
    )
    started = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), *line.split()],
        stdout=(tmp_path / "ray.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while True:
        assert started.poll() is None and time.monotonic() < limit, (tmp_path / "ray.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", client), timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    yield f"ray://127.0.0.1:{client}"
    started.terminate()
    with suppress(subprocess.TimeoutExpired):
        started.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)  # what is left of its session
    started.wait()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_client_server(server: str, tmp_path: Path) -> None:
    line = ["train", "--model", "gcn", "--dataset", "karate", "--epochs", "3", "--seeds", "4", "--json", "--quiet"]
    results = []
    for name, more in (("single", []), ("ray", ["--on", server])):
        call = [sys.executable, "-m", "graphkit", *line, "--output", str(tmp_path / name), *more]
        done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, done.stderr
        results.append(without_clock(json.loads(done.stdout)))
    assert results[0] == results[1] and files(tmp_path / "single") == files(tmp_path / "ray")
