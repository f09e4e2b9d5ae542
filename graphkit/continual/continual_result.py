"""Result of a continual run: scores by strategy, over all seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, TypedDict, get_args

from graphkit.continual.continual_config import ContinualConfig
from graphkit.continual.stream import StreamProtocol
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.tasks import maximizes
from graphkit.training.environment import rounded_mb
from graphkit.training.run_result import REMEDY, Count, NotEmpty, NotNegative, Scores, check_result, summary
from graphkit.training.trials import Trial, summarize_trials

#: Definition of the scores, stored in every result.
CONVENTION = (
    "matrix[i][j] is the score on task j after task i; average_performance is the mean of the last row; "
    "average_forgetting is the mean over all tasks but the last of matrix[T][j] - matrix[j][j], divided by T - 1, "
    "negative where tasks were forgotten; forgetting is its negative; learning_accuracy is the mean of the diagonal"
)


#: Names of the scores of a fit.
ScoreName = Literal[
    "average_performance",
    "forgetting",
    "average_forgetting",
    "learning_accuracy",
    "forward_transfer",
    "validation",
]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)


class TaskResult(TypedDict):
    """Training on one task: selected epoch, duration, and memory of the strategy."""

    task: Count
    epoch: Count
    seconds: NotNegative
    seconds_after_task: NotNegative
    memory_mb: NotNegative


class ContinualFitResult(TypedDict):
    """Content of ``fit.json``: one strategy with one seed."""

    strategy: str
    seed: Count
    average_performance: float | None
    average_forgetting: float | None
    forgetting: float | None
    learning_accuracy: float | None
    forward_transfer: float | None
    validation: float | None
    matrix: list[list[float | None]]
    validation_matrix: list[list[float | None]]
    untrained: list[float | None]
    tasks: list[TaskResult]
    seconds: NotNegative
    parameters: Count
    protocol: StreamProtocol


class _Protocol(StreamProtocol):
    name: str
    heads: str
    optimizer: str
    weight_decay: float


class _Search(TypedDict, total=False):
    search: list[Trial]
    chosen: Count
    half: Count | None


class _Strategy(_Search):
    average_performance: Scores | None
    forgetting: Scores | None
    average_forgetting: Scores | None
    learning_accuracy: Scores | None
    forward_transfer: Scores | None
    validation: Scores | None
    matrix: list[list[float | None]]
    seconds_per_task: Annotated[list[NotNegative], NotEmpty()]
    memory_mb_per_task: Annotated[list[NotNegative], NotEmpty()]
    options: dict[str, Any]


class ContinualResult(TypedDict):
    """Content of ``result.json`` of a continual run that other commands read."""

    model: str
    dataset: str
    metric: str
    maximize: bool
    protocol: _Protocol
    strategies: Annotated[dict[str, _Strategy], NotEmpty()]
    seeds: Annotated[list[int], NotEmpty()]
    seconds: float
    run: str


def check_continual_result(result: dict[str, Any], path: Path) -> None:
    """Checks the content of ``result.json`` of a continual run.

    Raises:
        InputError: If a key is missing, or a value has a wrong type or size; the message names the key.
    """
    check_result(result, ContinualResult, path)
    count = len(result["protocol"]["tasks"])
    tables = {"protocol.items": (result["protocol"]["items"], 3)}
    for name, entry in result["strategies"].items():
        tables[f"strategies.{name}.matrix"] = (entry["matrix"], count)
    wrong = []
    for key, (rows, width) in tables.items():
        if not count or len(rows) != count or any(len(row) != width for row in rows):
            wrong.append(f"`{key}` must have {count} rows of {width}")
    if wrong:
        raise InputError(f"'{path}' is damaged ({wrong[0]}); {REMEDY}")


def combine_continual(
    config: ContinualConfig,
    dataset: GraphDataset,
    fits: Sequence[ContinualFitResult],
    options: Mapping[str, dict[str, Any]],
    trials: Mapping[str, list[Trial]],
    folder: Path,
    peak_memory: float,
) -> dict[str, Any]:
    """Returns the content of ``result.json``, with sample deviations over the seeds."""
    names = list(dict.fromkeys(fit["strategy"] for fit in fits))
    strategies = {name: _strategy([fit for fit in fits if fit["strategy"] == name]) for name in names}
    for name, entry in strategies.items():
        entry["options"] = options[name]
        if name in trials:
            searched = summarize_trials(name, trials[name], maximizes(dataset.metric))
            entry |= {"search": searched.pop("trials"), **searched}
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
        "peak_memory_mb": rounded_mb(peak_memory),
        "run": str(folder),
    }


def _strategy(fits: Sequence[ContinualFitResult]) -> dict[str, Any]:
    """Returns the scores of one strategy over its seeds."""
    count = len(fits[0]["matrix"])
    entry: dict[str, Any] = {name: summary([fit[name] for fit in fits]) for name in SCORES}
    entry["matrix"] = [[_mean([fit["matrix"][i][j] for fit in fits]) for j in range(count)] for i in range(count)]
    entry["matrices"] = [fit["matrix"] for fit in fits]
    entry["seconds_per_task"] = _per_task(fits, "seconds")
    entry["memory_mb_per_task"] = _per_task(fits, "memory_mb")
    entry["seconds"] = sum(fit["seconds"] for fit in fits)
    return entry


def _per_task(fits: Sequence[ContinualFitResult], key: Literal["seconds", "memory_mb"]) -> list[float]:
    """Returns the mean over seeds, by task."""
    return [fmean(fit["tasks"][k][key] for fit in fits) for k in range(len(fits[0]["tasks"]))]


def _mean(values: Sequence[float | None]) -> float | None:
    valid = [value for value in values if value is not None]
    return fmean(valid) if valid else None
