import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import Result

Command = Callable[..., Result]
KARATE = ("train", "--model", "gcn", "--dataset", "karate", "--epochs", 3)


def test_tells_the_scores_and_the_folder(graphkit: Command) -> None:
    result = graphkit(*KARATE, "--seeds", 2)
    assert result.exit_code == 0
    assert "gcn on karate" in result.stdout and "over 2 runs" in result.stdout
    assert "run folder: runs/gcn-karate-001" in result.stdout
    assert "epoch 3/3" in result.stderr and Path("runs/gcn-karate-001/seed-1/model.safetensors").is_file()


def test_json_is_one_object_on_standard_output(graphkit: Command) -> None:
    result = graphkit(*KARATE, "--json", "--seed", 4, "--output", "out")
    content = json.loads(result.stdout)
    assert content == json.loads(Path("out/result.json").read_text())
    assert content["command"] == "train" and content["seeds"] == [4] and content["run"] == "out"


def test_quiet_shows_the_result_only(graphkit: Command) -> None:
    assert graphkit(*KARATE, "--quiet").stderr == ""


def test_settings_come_from_recipe_then_file_then_options(graphkit: Command) -> None:
    Path("mine.yaml").write_text("train: {lr: 0.5, epochs: 9, weight_decay: 0.1}\nmodel: {hidden_channels: 8}\n")
    options = ("--config", "mine.yaml", "--set", "train.weight_decay=5e-4", "--lr", 0.25)
    result = graphkit(*KARATE, *options, "--output", "o")
    assert result.exit_code == 0, result.output
    config = yaml.safe_load(Path("o/config.yaml").read_text())
    assert config["train"]["epochs"] == 3 and config["train"]["lr"] == 0.25
    assert config["train"]["weight_decay"] == 5e-4 and config["model"]["hidden_channels"] == 8


def test_a_run_is_repeated_from_its_own_configuration(graphkit: Command) -> None:
    graphkit(*KARATE, "--output", "a")
    assert graphkit("train", "--config", "a/config.yaml", "--output", "b").exit_code == 0
    first, second = (json.loads(Path(name, "result.json").read_text()) for name in "ab")
    assert first["test"] == second["test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "factorgnc"), "unknown model 'factorgnc'; did you mean 'factorgcn'?"),
        (("--dataset", "coar"), "unknown data set 'coar'; did you mean 'cora'?"),
        (("--set", "train.epoch=3"), "unknown configuration key 'train.epoch'; did you mean 'train.epochs'?"),
        (("--set", "lr"), "a setting must read key=value"),
        (("--recipe", "continual-ppi"), "is for a stream of tasks; use it with graphkit continual"),
        (("--recipe", "factorgcn-coar"), "unknown recipe 'factorgcn-coar'; did you mean 'factorgcn-cora'?"),
        (("--recipe", "factorgcn-cora", "--model", "gcn"), "is for the model 'factorgcn' (got 'gcn')"),
        (("--dataset", "nowhere/graph.npz"), "nowhere/graph.npz"),
        (("--recipe", "none", "--set", "model.hidden_channels=30"), "must be divisible by the factors"),
        (("--set", "data=karate"), "`data` must hold keys and values"),
        (("--lr", "fast"), "'fast' is not a valid float"),
        (("--epochs", "0"), "`train.epochs` must be at least 1 (got 0)"),
        (("--seeds", "0"), "`seeds` must be at least 1 (got 0)"),
        (("--device", "gpu"), "`device` must be auto, cpu, cuda or cuda:N (got 'gpu')"),
        (("--config", "none.yaml"), "'none.yaml' does not exist"),
        (("--root", "none"), "none"),
        (("--resume", "none"), "'none' is not a run folder"),
        (("--resume", "none", "--epochs", "3"), "--epochs cannot be given with --resume"),
        (("--dataset", "karate", "--split", "0.9,0.9,0.9"), "0.9"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(graphkit: Command, arguments: tuple, message: str) -> None:
    result = graphkit("train", *arguments)
    assert result.exit_code == 2 and message in result.stderr and result.stdout == ""
    error = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(error) == 1 and "Traceback" not in result.stderr and not Path("runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_without_cuda_is_one_line(graphkit: Command) -> None:
    result = graphkit(*KARATE, "--device", "cuda")
    assert result.exit_code == 2 and "finds 0 CUDA devices; use --device cpu" in result.stderr


def test_an_output_folder_that_is_taken_is_refused(graphkit: Command) -> None:
    Path("out").mkdir()
    Path("out/mine.txt").write_text("x")
    result = graphkit(*KARATE, "--output", "out")
    assert result.exit_code == 2 and "'out' is not empty" in result.stderr and os.listdir("out") == ["mine.txt"]


def test_missing_raw_files_are_named_with_their_address(graphkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    result = graphkit("train", "--dataset", "cora")
    assert result.exit_code == 2 and len(result.stderr.strip().splitlines()) == 1
    assert "ind.cora" in result.stderr and "https://" in result.stderr
    assert not Path("runs").exists()


def test_ctrl_c_leaves_a_run_that_resumes(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "graphkit", "train", "--model", "gcn", "--dataset", "karate", "--epochs", "300"]
    folder, full_run = tmp_path / "run", tmp_path / "whole"
    process = subprocess.Popen([*command, "--output", folder], stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    assert "epoch 1/300" in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    stopped = re.search(r"interrupted after epoch (\d+); continue with: graphkit train --resume (\S+)", errors)
    assert stopped is not None and 1 <= int(stopped[1]) < 300 and stopped[2] == str(folder)
    options = {"capture_output": True, "env": environment, "timeout": 120}
    assert subprocess.run([*command[:4], "--resume", folder], **options).returncode == 0
    assert subprocess.run([*command, "--output", full_run], **options).returncode == 0
    first, second = (json.loads((run_dir / "result.json").read_text()) for run_dir in (folder, full_run))
    assert first["test"] == second["test"] and first["validation"] == second["validation"]
    assert (folder / "model.safetensors").read_bytes() == (full_run / "model.safetensors").read_bytes()


KILLED = """
import sys
from graphkit.training import trainer
from graphkit.cli.main import main
trainer.CHECKPOINT_SECONDS = 0.0  # after every epoch
main(sys.argv[1:])
"""


def test_a_kill_leaves_a_run_that_resumes(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = ["train", "--model", "gcn", "--dataset", "karate", "--epochs", "300", "--output"]
    options = {"env": environment, "cwd": tmp_path}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *command, "run"], stderr=subprocess.PIPE, text=True, **options
    )
    while process.poll() is None and not (tmp_path / "run" / "metrics.csv").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert (tmp_path / "run" / "state.pt").exists() and not (tmp_path / "run" / "result.json").exists()
    graphkit = [sys.executable, "-m", "graphkit"]
    assert subprocess.run([*graphkit, "train", "--resume", "run"], capture_output=True, **options).returncode == 0
    assert subprocess.run([*graphkit, *command, "whole"], capture_output=True, **options).returncode == 0
    first, second = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("run", "whole"))
    assert first["test"] == second["test"] and first["epochs"] == second["epochs"]
