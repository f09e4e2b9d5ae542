"""Several processes: the numbers of one, its files from one, its error from all."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Data

import graphkit
from graphkit.distributed.communicator import Communicator, get_communicator, init_distributed, job
from graphkit.experiments import evaluate_run, open_run
from tests.experiments.teamwork import CONFIGS
from tests.fitting import fit

#: The tests' own package and graphkit, for programs that run in another folder.
PATHS = os.pathsep.join({str(Path(graphkit.__file__).parents[1]), str(Path(__file__).parents[2])})
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1"}
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teams")
    torch.save([graph_of_values(number) for number in range(23)], folder / "values.pt")
    program = [sys.executable, str(Path(__file__).with_name("teamwork.py")), str(folder), "1", "2", "3"]
    done = subprocess.run(program, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def graph_of_values(number: int) -> Data:
    """Returns a graph with two targets per node and gaps."""
    generator = torch.Generator().manual_seed(number)
    nodes = torch.arange(3 + number % 4)
    x = torch.randn(nodes.numel(), 3, generator=generator)
    y = 50 + 10 * x[:, :2]
    y[torch.rand(y.shape, generator=generator) < 0.3] = torch.nan
    return Data(x=x, y=y, edge_index=torch.stack([nodes, nodes.roll(1)]))


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("name", [name for name in CONFIGS if not name.endswith("-apart")])
def test_several_processes_learn_what_one_learns(runs: Path, name: str, world: int) -> None:
    alone, many = runs / "1" / name, runs / str(world) / name
    for one, other in zip(rows(alone), rows(many), strict=True):
        for key in ("loss", "validation_loss"):
            assert float(other[key]) == pytest.approx(float(one[key]), rel=1e-5, abs=1e-5), (one["epoch"], key)
        assert float(other["validation"]) == pytest.approx(float(one["validation"]), abs=1e-6)
    wanted, weights = load_file(alone / "model.safetensors"), load_file(many / "model.safetensors")
    assert wanted.keys() == weights.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(
            weights[key], value, rtol=1e-5, atol=1e-5, msg=lambda text, key=key: f"{key}: {text}"
        )
    results = [json.loads((run / "result.json").read_text()) for run in (alone, many)]
    assert results[0]["test"]["runs"] == pytest.approx(results[1]["test"]["runs"], rel=1e-6)
    assert results[0]["epochs"] == results[1]["epochs"]
    assert results[0].get("confusion") == results[1].get("confusion")
    means = [{key: score and score["mean"] for key, score in result["scores"].items()} for result in results]
    assert means[1] == pytest.approx(means[0], abs=1e-3)  # rounding changes ranks, and with them the ROC-AUC
    assert json.loads((many / "env.json").read_text())["processes"] == world


def test_with_norms_apart_processes_still_agree_on_one_model(runs: Path) -> None:
    alone, both = (rows(runs / world / "clips-apart") for world in "12")
    assert [row["loss"] for row in both] != [row["loss"] for row in alone]
    assert float(both[-1]["loss"]) == pytest.approx(float(alone[-1]["loss"]), rel=0.2)
    result = json.loads((runs / "2" / "clips-apart" / "result.json").read_text())
    # computed again by one process, from the statistics that all agreed on
    assert evaluate_run(open_run(runs / "2" / "clips-apart"))["test"] == result["test"]


def test_rank_0_alone_calls_callbacks_and_its_error_stops_all(runs: Path) -> None:
    events = (runs / "2" / "events-0.txt").read_text().splitlines()
    assert events[:-1] == ["begin 0", "epoch 1", "epoch 2", "begin 2", "epoch 3", "epoch 4", "epoch 5"]
    assert events[-1].startswith("end") and not (runs / "2" / "events-1.txt").exists()
    assert (runs / "2" / "error-0.txt").read_text() == "KeyError: 'tracker is down'"
    assert (runs / "2" / "error-1.txt").read_text() == "RuntimeError: rank 0 failed: KeyError: 'tracker is down'"
    weights = [load_file(runs / "2" / name / "model.safetensors") for name in ("graphs", "observed")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_two_processes_distill_what_one_distills(runs: Path) -> None:
    alone, both = (json.loads((runs / world / "distill" / "result.json").read_text()) for world in "12")
    names = ["teacher", "alone", "kd", "fitnet"]
    assert [entry["name"] for entry in both["networks"]] == names
    for one, other in zip(alone["networks"], both["networks"], strict=True):
        assert other["test"]["runs"] == pytest.approx(one["test"]["runs"], abs=1e-6)
    for name in [*(f"distill/{name}" for name in names), "distill-clips/kd"]:
        losses = [[float(row["loss"]) for row in rows(runs / world / name)] for world in "12"]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4), name


@pytest.mark.parametrize("world", [2, 3])
def test_norms_of_several_processes_are_those_of_all_rows(runs: Path, world: int) -> None:
    errors = json.loads((runs / str(world) / "norms.json").read_text())
    assert max(errors) < 1e-10


def port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def launch(folder: Path, *arguments: str, restarts: int = 0, **more: Any) -> "subprocess.Popen[str]":
    command = [*LAUNCH, "--max-restarts", str(restarts), "--master-port", port(), "-m", "graphkit", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **pipes, **more)


def workers(launcher: int) -> dict[str, int]:
    """Returns the processes that a launcher has started, by their number in the job."""
    processes = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"PPid:\t{launcher}\n" in (entry / "status").read_text():
                variables = (entry / "environ").read_bytes().split(b"\0")
                ranks = [variable[5:].decode() for variable in variables if variable.startswith(b"RANK=")]
                processes.update(dict.fromkeys(ranks, int(entry.name)))
        except OSError:  # it has ended meanwhile
            continue
    return processes


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes of a job in /proc, which is not here")
def test_a_job_that_loses_a_process_starts_again_and_ends_with_the_same_scores(tmp_path: Path) -> None:
    settings = ["train", "--model", "factorgcn", "--dataset", "factor-graphs", "--recipe", "none", "--quiet", "--json"]
    for setting in ("data.num_graphs=60", "data.seed=0", "model.hidden_channels=8", "model.dropout=0.2",
                    "train.batch_size=8", "train.patience=null", "train.epochs=60"):  # fmt: skip
        settings += ["--set", setting]
    undisturbed = launch(tmp_path, *settings, "--output", "undisturbed")
    job = launch(tmp_path, *settings, restarts=1)  # without --output: it finds the folder that it made
    state = tmp_path / "runs" / "factorgcn-factor-graphs-001" / "state.pt"
    metrics = state.with_name("metrics.csv")
    try:
        deadline = time.monotonic() + 120
        while not (state.parent / "config.yaml").exists() and time.monotonic() < deadline:
            assert job.poll() is None, job.communicate()[1]
            time.sleep(0.05)
        time.sleep(0.5)
        assert not metrics.exists() or len(rows(state.parent)) < 60
        os.kill(workers(job.pid)["1"], signal.SIGKILL)
        out, error = job.communicate(timeout=300)
        expected, _ = undisturbed.communicate(timeout=300)
    finally:
        for process in (job, undisturbed):
            process.kill()
    assert job.returncode == 0, error
    assert "failed (exitcode: -" in error or "failed (exitcode: 1)" in error  # the launcher names either process
    result, wanted = json.loads(out), json.loads(expected)
    for key in ("test", "validation", "epochs", "ged_e", "c_score"):
        assert result[key] == wanted[key], key
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["factorgcn-factor-graphs-001"]


def test_a_mistake_is_said_once_and_ends_the_job(tmp_path: Path) -> None:
    process = launch(tmp_path, "train", "--model", "gcn", "--dataset", "karate", "--set", "train.lr=fast")
    _, error = process.communicate(timeout=120)
    assert process.returncode != 0
    assert [line for line in error.splitlines() if line.startswith("Error: ")][0] == (
        "Error: `train.lr` must be a number (got 'fast')"
    )
    assert "config.py" not in error and not (tmp_path / "runs").exists()


def test_alone_a_process_says_everything_to_itself() -> None:
    with init_distributed() as processes:
        assert type(processes) is Communicator and type(get_communicator()) is Communicator
        assert processes.all_reduce(1.0, 2.0) == [1.0, 2.0] == processes.all_reduce_max(1.0, 2.0)
        assert processes.all_gather_object("a") == ["a"] and processes.broadcast_from_rank0(
            lambda: 3
        ) == 3 == processes.rank_zero_first(lambda: 3)
        assert processes.all_gather_rows(torch.ones(2)).tolist() == [1, 1] and processes.norm_group is None


def test_a_job_has_one_name_through_its_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert job() is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert job() == "mine"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    name = job()
    assert name is not None and name == job() and socket.gethostname() not in name
    monkeypatch.setattr(
        "graphkit.distributed.communicator.started", lambda process: "later"
    )  # another launcher of the same number
    assert job() != name


def test_a_script_that_trains_several_times_has_a_folder_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    config: dict[str, Any] = {"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 1}}
    places = [fit(config)["run"], fit(config)["run"], fit({**config, "seed": 1})["run"]]
    assert places == [f"runs/gcn-karate-00{number}" for number in (1, 2, 3)]
    monkeypatch.setattr("graphkit.training.run_files._this_process", lambda: "another")  # the job is started again
    assert [fit(config)["run"], fit(config)["run"]] == places[:2]
    with pytest.raises(ValueError, match="belongs to this job, but its settings are others"):
        fit({**config, "seed": 2}, places[0])
