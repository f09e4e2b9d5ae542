"""The result of a continual run: what all its fits say, strategy by strategy."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any, TypedDict

from graphkit.continual.continual_config import ContinualConfig
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.tasks import maximizes
from graphkit.training.run_result import NotNegative, Scores, check_result, summary

#: How the numbers are meant; it stands beside every result.
CONVENTION = (
    "matrix[i][j] is the score on task j after task i; average_performance is the mean of the last row; "
    "average_forgetting is the mean over all tasks but the last of matrix[T][j] - matrix[j][j], divided by T - 1, "
    "negative where tasks were forgotten; forgetting is its negative; learning_accuracy is the mean of the diagonal"
)


class _Notes(TypedDict, total=False):
    notes: list[str]


class _Protocol(_Notes):
    name: str
    heads: str
    optimizer: str
    weight_decay: float
    scenario: str
    visible: str
    inter_task_edges: bool
    tasks: list[list[int]]
    items: list[list[int]]


class _Trial(TypedDict):
    options: dict[str, Any]
    validation: float | None


class _Search(TypedDict, total=False):
    search: list[_Trial]


class _Strategy(_Search):
    average_performance: Scores | None
    forgetting: Scores | None
    average_forgetting: Scores | None
    learning_accuracy: Scores | None
    forward_transfer: Scores | None
    validation: Scores | None
    matrix: list[list[float | None]]
    seconds_per_task: list[NotNegative]
    memory_mb_per_task: list[NotNegative]
    options: dict[str, Any]


class ContinualResult(TypedDict):
    """Content of ``result.json`` of a continual run, as far as it is read again."""

    model: str
    dataset: str
    metric: str
    protocol: _Protocol
    strategies: dict[str, _Strategy]
    seeds: list[int]
    seconds: float
    run: str


def check_continual_result(result: dict[str, Any], path: Path) -> None:
    """Refuses a result that lacks a key, has one of another type, or tables of another size than its tasks.

    Raises:
        InputError: If something is wrong; the key is named.
    """
    check_result(result, ContinualResult, path)
    count = len(result["protocol"]["tasks"])
    tables = {"protocol.items": (result["protocol"]["items"], 3)}
    empty = [key for key in ("seeds", "strategies") if not result[key]]
    for name, entry in result["strategies"].items():
        tables[f"strategies.{name}.matrix"] = (entry["matrix"], count)
        empty += [f"strategies.{name}.{key}" for key in ("seconds_per_task", "memory_mb_per_task") if not entry[key]]
    wrong = [f"`{key}` is empty" for key in empty]
    for key, (rows, width) in tables.items():
        if not count or len(rows) != count or any(len(row) != width for row in rows):
            wrong.append(f"`{key}` must have {count} rows of {width}")
    if wrong:
        raise InputError(f"'{path}' is damaged ({wrong[0]}); delete it; --resume makes it again")


SCORES = ("average_performance", "forgetting", "average_forgetting", "learning_accuracy", "forward_transfer")


def combine_continual(
    config: ContinualConfig,
    dataset: GraphDataset,
    fits: Sequence[dict[str, Any]],
    options: Mapping[str, dict[str, Any]],
    search: Mapping[str, list[dict[str, Any]]],
    folder: Path,
    peak_memory: float,
) -> dict[str, Any]:
    """Returns the content of ``result.json``; deviations are those of a sample of seeds."""
    names = list(dict.fromkeys(fit["strategy"] for fit in fits))
    strategies = {name: _strategy([fit for fit in fits if fit["strategy"] == name]) for name in names}
    for name, entry in strategies.items():
        entry["options"] = options[name]
        if name in search:
            entry["search"] = search[name]
    only = strategies[names[0]] if len(names) == 1 else {}
    return {
        "command": "continual",
        "model": config.model.name,
        "dataset": dataset.name,
        "task": dataset.task,
        "metric": dataset.metric,
        "maximize": maximizes(dataset.metric),
        "test": only.get("average_performance"),
        "validation": only.get("validation"),
        "selected_on": "last epoch" if config.train.select == "last" else "validation",
        "protocol": {
            "name": config.protocol,
            "heads": config.stream.heads,
            "optimizer": config.train.optimizer,
            "weight_decay": config.train.weight_decay,
            "keep_optimizer": config.train.keep_optimizer,
            **fits[0]["protocol"],
        },
        "convention": CONVENTION,
        "strategies": strategies,
        "seeds": sorted({fit["seed"] for fit in fits}),
        "parameters": fits[0]["parameters"],
        "seconds": sum(fit["seconds"] for fit in fits),
        "peak_memory_mb": round(peak_memory, 1) if isfinite(peak_memory) else None,
        "run": str(folder),
    }


def _strategy(fits: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the scores of one strategy over its seeds."""
    count = len(fits[0]["matrix"])
    entry: dict[str, Any] = {name: summary([fit[name] for fit in fits]) for name in (*SCORES, "validation")}
    entry["matrix"] = [[_mean([fit["matrix"][i][j] for fit in fits]) for j in range(count)] for i in range(count)]
    entry["matrices"] = [fit["matrix"] for fit in fits]
    entry["seconds_per_task"] = _per_task(fits, "seconds")
    entry["memory_mb_per_task"] = _per_task(fits, "memory_mb")
    entry["seconds"] = sum(fit["seconds"] for fit in fits)
    return entry


def _per_task(fits: Sequence[dict[str, Any]], key: str) -> list[float | None]:
    """Returns the mean over seeds for every learning of a task."""
    return [_mean([fit["tasks"][k][key] for fit in fits]) for k in range(len(fits[0]["tasks"]))]


def _mean(values: Sequence[float | None]) -> float | None:
    valid = [value for value in values if value is not None]
    return fmean(valid) if valid else None
