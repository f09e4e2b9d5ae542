"""Result of a distillation: scores, sizes and latencies of all networks."""

import time
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from statistics import median
from typing import Annotated, Any, TypedDict

import torch

from graphkit.distill.distill_config import ALONE, TEACHER, DistillConfig
from graphkit.distill.load_teacher import TrainedRun
from graphkit.errors import InputError
from graphkit.training.cpu_settings import cpu_settings, sensible_threads
from graphkit.training.environment import pick_device, rounded_mb
from graphkit.training.run_result import REMEDY, Count, NotEmpty, NotNegative, Scores, against, check_result

#: Forward passes of each network, in turn with the others, in a measurement of latency.
CALLS = 31
#: Graphs in the batch of that measurement.
GRAPHS = 64


class _Test(TypedDict):
    difference: float
    p: float | None
    wins: int
    losses: int
    pairs: int


class _Network(TypedDict):
    name: str
    run: str
    model: str
    loss: dict[str, Any] | None
    test: Scores
    validation: Scores | None
    parameters: Count
    size_bytes: Count
    latency_ms: NotNegative
    seconds: NotNegative
    against_alone: _Test | None


class DistillResult(TypedDict):
    """Content of ``result.json`` of a comparison that other commands read."""

    model: str
    dataset: str
    metric: str
    maximize: bool
    networks: list[_Network]
    chosen: str
    selected_on: str
    seeds: Annotated[list[int], NotEmpty()]
    seconds: float
    run: str


def check_distill_result(result: dict[str, Any], path: Path) -> None:
    """Checks the content of ``result.json`` of a comparison.

    Raises:
        InputError: If a key or a network is missing or a value has a wrong type; the message names the key.
    """
    check_result(result, DistillResult, path)
    names = [entry["name"] for entry in result["networks"]]
    for name in (TEACHER, ALONE, result["chosen"]):
        if name not in names:
            raise InputError(f"'{path}' is damaged (`networks` has no '{name}'); {REMEDY}")


def combine_distill(
    config: DistillConfig, runs: Mapping[str, TrainedRun], folder: Path, peak_memory: float
) -> dict[str, Any]:
    """Returns the content of ``result.json``: an entry per network, best student.

    The best student is that with the best validation score. Every entry has ``test`` and ``validation``,
    ``parameters``, ``size_bytes`` of the weights on disk, ``latency_ms`` (see :func:`latencies`), and
    ``against_alone``, the paired test of its scores against those of the student without a teacher.
    """
    alone = runs[ALONE]
    networks = {TEACHER: runs[TEACHER].fits[0], "student": alone.fits[0]}
    latency = latencies(networks, pick_device(config.device))
    entries = []
    for name in (TEACHER, ALONE, *config.losses):
        run = runs[name]
        entries.append(
            {
                "name": name,
                "run": str(run.path),
                "model": run.config.model.name,
                "loss": None if name in (TEACHER, ALONE) else config.losses[name].to_dict(),
                **{key: run.result[key] for key in ("test", "validation", "selected_on", "seeds", "parameters")},
                "size_bytes": (run.fits[0].path / "model.safetensors").stat().st_size,
                "latency_ms": latency[TEACHER if name == TEACHER else "student"],
                "seconds": run.result["seconds"],
                "against_alone": against(run.result, alone.result)[0] if name != ALONE else None,
            }
        )
    trained = [run for name, run in runs.items() if name != TEACHER or not config.teacher.is_trained]
    students = [entry for entry in entries if entry["name"] != TEACHER]
    better = 1 if alone.result["maximize"] else -1
    best = max(students, key=lambda entry: better * (entry["validation"] or entry["test"])["mean"])
    return {
        "command": "distill",
        "model": alone.config.model.name,
        "dataset": alone.result["dataset"],
        "task": alone.result["task"],
        "metric": alone.result["metric"],
        "maximize": alone.result["maximize"],
        "networks": entries,
        "chosen": best["name"],
        **{key: best[key] for key in ("test", "validation", "selected_on", "parameters")},
        "seeds": alone.result["seeds"],
        "seconds": sum(run.result["seconds"] for run in trained),
        "peak_memory_mb": rounded_mb(peak_memory),
        "run": str(folder),
    }


@torch.no_grad()
def latencies(fits: Mapping[str, TrainedRun], device: torch.device) -> dict[str, float]:
    """Returns the median time of a forward pass of each network, in milliseconds.

    The networks are called in turn on the same data: the whole graph, or a batch of test graphs. Preparation of the
    inputs, such as a search for shortest paths, is not included.
    """
    first = next(iter(fits.values()))
    networks = {name: fit.model.to(device) for name, fit in fits.items()}
    inputs = {name: networks[name].inputs(_data(fit, device)) for name, fit in fits.items()}
    times: dict[str, list[float]] = {name: [] for name in fits}
    threads = first.config.train.threads or sensible_threads(first.dataset, first.config.train.batch_size)
    with cpu_settings(threads):
        for count in range(CALLS + 2):
            for name, network in networks.items():
                _wait(device)
                begin = time.perf_counter()
                network(**inputs[name])
                _wait(device)
                if count > 1:  # the first two calls are warm-up
                    times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: round(median(values), 4) for name, values in times.items()}


def _data(fit: TrainedRun, device: torch.device) -> Any:
    graphs = fit.dataset.graphs
    if fit.dataset.is_single_graph:
        return copy(graphs[0]).to(device)
    split = fit.dataset.split_of(fit.config.data.fold, fit.config.seed)
    ids = split.test if split.test.numel() else split.train
    return copy(graphs.batch(ids[: fit.config.train.batch_size or GRAPHS])).to(device)  # type: ignore[attr-defined]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
