"""What the files for clusters start is there: scripts run with stand-ins for the cluster, manifests are read."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from torch.distributed.run import get_args_parser

from graphkit.cli.main import main

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "cluster"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.sh"))
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))

#: Stands for a command of the cluster: writes down what it was called with.
STAND_IN = f"""#!{sys.executable}
import json, sys
with open("calls", "a") as file:
    file.write(json.dumps([sys.argv[0].rpartition("/")[2], *sys.argv[1:]]) + "\\n")
"""


def check_graphkit(arguments: list[str]) -> dict[str, Any]:
    """Parses a graphkit command with the command's own options, and returns their values."""
    command = main.get_command(main.make_context("graphkit", list(arguments)), arguments[0])
    assert command is not None
    return command.make_context(arguments[0], arguments[1:]).params


def check_torchrun(arguments: list[str]) -> tuple[Any, dict[str, Any]]:
    """Parses a torchrun command, and the graphkit command within it."""
    options = get_args_parser().parse_args(arguments)
    assert options.module and options.training_script == "graphkit"
    return options, check_graphkit(options.training_script_args)


def run_script(name: str, folder: Path, **variables: str) -> list[list[str]]:
    """Runs a script with stand-ins, and returns the commands that it called."""
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    for command in ("graphkit", "torchrun", "srun", "ray"):
        (bin / command).write_text(STAND_IN)
        (bin / command).chmod(0o755)
    names = '[ "$1 $2 $3" = "show hostnames node[3-4]" ] && printf "node3\\nnode4\\n"'
    (bin / "scontrol").write_text(f"#!/bin/sh\n{names}\n")
    (bin / "scontrol").chmod(0o755)
    environment = {"PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), **variables}
    subprocess.run(["bash", FOLDER / name], cwd=folder, env=environment, check=True)
    limit, calls = time.monotonic() + 30, folder / "calls"
    while len(calls.read_text().splitlines()) < (FOLDER / name).read_text().count("srun --"):  # in the background
        assert time.monotonic() < limit
        time.sleep(0.02)
    return [json.loads(line) for line in calls.read_text().splitlines()]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_sound(name: str) -> None:
    subprocess.run(["bash", "-n", FOLDER / name], check=True)
    lines = (FOLDER / name).read_text().splitlines()
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(number < first_command for number, line in enumerate(lines) if line.startswith("#SBATCH"))
    assert os.access(FOLDER / name, os.X_OK)


def test_a_training_on_two_nodes(tmp_path: Path) -> None:
    slurm = {
        "SLURM_SUBMIT_DIR": "/scratch/me", "SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "node[3-4]",
        "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "16",
    }  # fmt: skip
    ((srun, option, torchrun, *arguments),) = run_script("slurm_torchrun.sh", tmp_path, **slurm)
    assert (srun, option, torchrun) == ("srun", "--kill-on-bad-exit=1", "torchrun")
    options, params = check_torchrun(arguments)
    assert (options.nnodes, options.rdzv_endpoint, options.rdzv_id) == ("2", "node3:29500", "77")
    assert params["output"] == "/scratch/me/runs/stigcn-77"


def test_fits_on_four_nodes(tmp_path: Path) -> None:
    slurm = {
        "SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "node[3-4]",
        "SLURM_JOB_NUM_NODES": "4", "SLURM_CPUS_PER_TASK": "16",
    }  # fmt: skip
    calls = run_script("slurm_ray.sh", tmp_path, **slurm)
    (graphkit,) = (arguments for command, *arguments in calls if command == "graphkit")
    params = check_graphkit(graphkit)
    assert (params["on"], params["unit_cpus"], params["output"]) == ("ray", 2, f"{tmp_path}/runs/gat-cora-77")
    head, others = sorted((call for call in calls if call[0] == "srun"), key=lambda call: "--head" not in call)
    assert "--nodelist=node3" in head and "--port=6379" in head and "--num-cpus" in head
    assert {"--nodes=3", "--exclude=node3", "--address=node3:6379"} <= set(others)
    (tmp_path / "runs" / "gat-cora-77").mkdir(parents=True)
    (tmp_path / "runs" / "gat-cora-77" / "config.yaml").touch()
    (tmp_path / "calls").unlink()
    *_, again = (call for call in run_script("slurm_ray.sh", tmp_path, **slurm) if call[0] == "graphkit")
    assert check_graphkit(again[1:])["run"] == f"{tmp_path}/runs/gat-cora-77"


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_whole(name: str) -> None:
    objects = list(yaml.safe_load_all((FOLDER / name).read_text()))
    assert all({"apiVersion", "kind", "metadata", "spec"} <= item.keys() for item in objects)
    pod = pod_of(objects[0])
    container = pod["containers"][0]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert all(isinstance(item, str) for item in [*container["command"], *container["args"]])
    assert all(isinstance(variable["value"], str) for variable in container["env"])  # or Kubernetes refuses it


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    """Returns the pod of a job."""
    spec = job["spec"]["pytorchReplicaSpecs"]["Worker"] if job["kind"] == "PyTorchJob" else job["spec"]
    return spec["template"]["spec"]


def test_a_pytorchjob_trains() -> None:
    job, claim = yaml.safe_load_all((FOLDER / "pytorchjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    container = pod_of(job)["containers"][0]
    assert container["name"] == "pytorch" and container["command"] == ["torchrun"]
    options, params = check_torchrun(container["args"])
    policy, worker = job["spec"]["elasticPolicy"], job["spec"]["pytorchReplicaSpecs"]["Worker"]
    assert policy["minReplicas"] == policy["maxReplicas"] == worker["replicas"] == int(options.nnodes)
    assert options.max_restarts == policy["maxRestarts"] and options.rdzv_backend == policy["rdzvBackend"]
    assert options.rdzv_id == job["metadata"]["name"] and worker["restartPolicy"] == "OnFailure"
    assert params["output"].startswith(container["volumeMounts"][0]["mountPath"])
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_commands_of_the_page_are_there() -> None:
    text = (FOLDER.parent.parent / "docs" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("graphkit ")]
    assert len(commands) >= 4
    for command in commands:
        check_graphkit(shlex.split(command, comments=True)[1:])
