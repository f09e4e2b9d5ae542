"""Result files of a run: types, checks, and aggregation over all fits."""

from collections.abc import Mapping, Sequence, Sized
from math import isfinite, nan
from pathlib import Path
from statistics import fmean, pstdev, stdev
from types import UnionType
from typing import Annotated, Any, TypedDict, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import torch
from torch import Tensor

from graphkit.coercion import Range
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.files import read_json
from graphkit.metrics import class_scores, fold_curve, paired_test
from graphkit.tasks import maximizes
from graphkit.training.environment import rounded_mb
from graphkit.training.train_config import TrainConfig

T = TypeVar("T")

NotNegative = Annotated[float, Range(0)]
Count = Annotated[int, Range(0)]

#: Remedy for a damaged result.
REMEDY = "delete it; --resume makes it again"


class NotEmpty:
    """Constraint of a type hint on a container: ``Annotated[list[int], NotEmpty()]``."""

    def __contains__(self, value: Sized) -> bool:
        return len(value) > 0

    def violated(self, value: Sized) -> str:
        """Returns the message for an empty container."""
        return "not be empty"


class Scores(TypedDict):
    """Mean and deviation of the scores of several fits."""

    mean: float
    std: NotNegative
    runs: list[float]


class ClassRow(TypedDict):
    """Scores of one class on its ``count`` test items, ``None`` if undefined."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    count: Count


class TaskScores(TypedDict, total=False):
    """Keys of some tasks, for the test items, and ``notes`` for the user.

    ``scores`` contains all metrics of the task. For tasks with one class per item, ``classes`` contains the scores of
    each class, and ``confusion`` the confusion matrix with true classes in rows. ``floors`` contains the scores of
    trivial predictions of a regression, see :func:`~graphkit.metrics.floors.regression_floors`.
    """

    scores: dict[str, float | None]
    classes: list[ClassRow]
    confusion: list[list[Count]]
    floors: dict[str, dict[str, float | None]]
    notes: list[str]


class FitResult(TaskScores):
    """Content of ``fit.json``: one seed on one split.

    ``curve`` contains the held-out score after every epoch under the ten-fold protocol, else it is ``None``; ``extras``
    contains the extra metrics of the model.
    """

    epoch: Count | None
    validation: float | None
    test: float | None
    parameters: Count
    seconds: NotNegative
    seed: Count
    fold: Count | None
    curve: list[float | None] | None
    extras: dict[str, float | None]


class _CombinedScores(TypedDict, total=False):
    """Keys of :class:`TaskScores` over several fits."""

    floors: dict[str, dict[str, float | None]]
    notes: list[str]
    scores: dict[str, Scores | None]
    classes: list[ClassRow]
    confusion: list[list[Count]]


class TrainResult(_CombinedScores):
    """Content of ``result.json`` of ``train`` that other commands read."""

    model: str
    dataset: str
    task: str
    metric: str
    maximize: bool
    test: Scores | None
    validation: Scores | None
    selected_on: str
    epochs: Annotated[list[int | None], NotEmpty()]
    seeds: Annotated[list[int], NotEmpty()]
    parameters: Count
    seconds: NotNegative
    peak_memory_mb: float | None


def read_checked(path: Path, kind: type[T]) -> T:
    """Reads and checks a JSON file.

    Args:
        path: The file.
        kind: Type of the content, see :func:`check_result`.

    Raises:
        InputError: If it is damaged; the message names the key.
    """
    content: T = read_json(path, REMEDY)
    check_result(content, kind, path)
    return content


def check_result(result: Any, kind: Any, path: Path) -> None:
    """Checks the content of a result file.

    Args:
        result: The content.
        kind: Its type: a type hint of ``TypedDict``, ``list``, ``dict``, ``str``, ``int``, ``float`` and ``None``.
            Other keys are permitted.
        path: The file, for the message.

    Raises:
        InputError: If a key is missing or a value has a wrong type; the message names the key.
    """
    problem = _problem(result, kind, "")
    if problem:
        raise InputError(f"'{path}' is damaged ({problem}); {REMEDY}")


def _problem(value: Any, kind: Any, name: str) -> str:
    """Returns the problem of a value as text, ``""`` if it is valid."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return ""
    if origin is UnionType or origin is Union:
        problems = [_problem(value, hint, name) for hint in args]
        return "" if "" in problems else problems[0]
    if is_typeddict(kind):
        if not isinstance(value, dict):
            return f"`{name}` must hold keys and values" if name else "it must hold keys and values"
        for key, hint in get_type_hints(kind, include_extras=True).items():
            path = f"{name}.{key}".lstrip(".")
            if key in value:
                if problem := _problem(value[key], hint, path):
                    return problem
            elif key in kind.__required_keys__:
                return f"it has no `{path}`"
        return ""
    if origin is Annotated:
        problem = _problem(value, args[0], name)
        return problem or ("" if value in args[1] else f"`{name}` must {args[1].violated(value)}")
    if origin is list:
        items = enumerate(value) if isinstance(value, list) else ()
        problems = [problem for index, item in items if (problem := _problem(item, args[0], f"{name}[{index}]"))]
        return next(iter(problems), "") if isinstance(value, list) else f"`{name}` must be a list"
    if origin is dict:
        if not isinstance(value, dict):
            return f"`{name}` must hold keys and values"
        problems = [problem for key, item in value.items() if (problem := _problem(item, args[1], f"{name}.{key}"))]
        return next(iter(problems), "")
    if kind is float:
        good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        return "" if good else f"`{name}` must be a finite number"
    names = {type(None): "null", str: "text", int: "a whole number", bool: "true or false"}
    return "" if type(value) is kind or value is kind is None else f"`{name}` must be {names[kind]}"


def summary(values: Sequence[float | None], population: bool = False) -> Scores | None:
    """Returns mean, deviation and list of the defined values, ``None`` without any.

    Args:
        values: One value per fit.
        population: If ``True``, the deviation is that of a population (ten folds), else of a sample (seeds).
    """
    runs = [value for value in values if value is not None and isfinite(value)]
    if not runs:
        return None
    spread = 0.0 if len(runs) < 2 else (pstdev(runs) if population else stdev(runs))
    return {"mean": fmean(runs), "std": spread, "runs": runs}


def combine(
    config: TrainConfig, dataset: GraphDataset, fits: Sequence[FitResult], folder: Path, peak_memory: float
) -> dict[str, Any]:
    """Returns the content of ``result.json``, aggregated over all fits.

    The deviation over seeds is that of a sample. Under the ten-fold protocol, the epoch is that with the best mean over
    the folds, and the deviation is that of the population of the folds at this epoch. With several seeds, this is
    repeated for each seed, and mean and deviation are those of the seeds. The keys ``scores``, ``classes`` and
    ``confusion`` are then those of the last epoch.
    """
    metric = config.train.metric or dataset.metric
    result: dict[str, Any] = {
        "command": "train",
        "model": config.model.name,
        "dataset": dataset.name,
        "task": dataset.task,
        "metric": metric,
        "maximize": maximizes(metric),
    }
    by_folds = fits[0]["curve"] is not None and len(fits) > 1  # a single fold has no mean curve
    if by_folds:
        result |= _by_folds(fits, result["maximize"])
    else:
        result["test"] = summary([fit["test"] for fit in fits])
        result["validation"] = summary([fit["validation"] for fit in fits])
        chosen_on = "test" if dataset.protocol == "test" else "validation"
        selects = dataset.protocol != "fold" and any(split.val.numel() for split in dataset.splits)
        result["selected_on"] = chosen_on if selects else "last epoch"
        result["epochs"] = [fit["epoch"] for fit in fits]
    for key in sorted({key for fit in fits for key in fit["extras"]}):
        result[key] = summary([fit["extras"].get(key) for fit in fits])
    result |= _combine_scores(fits, by_folds)
    result["notes"] = _combine_notes(fits)
    if by_folds and config.train.epochs in result["epochs"]:
        result["notes"].append(last_epoch_note(config.train.epochs))
    if fits[0].get("floors"):
        result["floors"] = _mean_floors([fit["floors"] for fit in fits])
    return result | {
        "seeds": sorted({fit["seed"] for fit in fits}),
        "parameters": fits[0]["parameters"],
        "seconds": sum(fit["seconds"] for fit in fits),
        "peak_memory_mb": rounded_mb(peak_memory),
        "run": str(folder),
    }


def class_rows(confusion: Tensor, count: Tensor, names: Sequence[str]) -> list[ClassRow]:
    """Returns the scores of each class, ``None`` where they are undefined."""
    scores = class_scores(confusion, count)
    columns = (values.tolist() for values in (scores.precision, scores.recall, scores.f1))
    rows = zip(names, *columns, count.tolist(), strict=True)

    def defined(value: float) -> float | None:
        return value if isfinite(value) else None

    return [
        {"name": name, "precision": defined(p), "recall": defined(r), "f1": defined(f1), "count": int(items)}
        for name, p, r, f1, items in rows
    ]


def _combine_scores(fits: Sequence[Mapping[str, Any]], by_folds: bool = False) -> dict[str, Any]:
    """Returns the keys ``scores``, ``classes`` and ``confusion`` of several fits.

    The confusion matrix is the sum over all fits, so that an item that is a test item of several fits counts several
    times; the scores of the classes are those of this sum. All other scores are means over the fits.

    Args:
        fits: Contents of ``fit.json``; older ones have no such keys.
        by_folds: If ``True``, the fits are the folds of each seed, and several seeds have a mean each.
    """
    result: dict[str, Any] = {}
    if all(fit.get("scores") for fit in fits):
        seeds = sorted({fit["seed"] for fit in fits})
        groups = [[fit for fit in fits if fit["seed"] == seed] for seed in seeds]
        groups = groups if by_folds and len(seeds) > 1 else [[fit] for fit in fits]
        result["scores"] = {
            name: summary(
                [_mean([fit["scores"][name] for fit in group]) for group in groups], by_folds and len(seeds) == 1
            )
            for name in fits[0]["scores"]
        }
    if all(fit.get("confusion") for fit in fits):
        confusion = torch.stack([torch.tensor(fit["confusion"]) for fit in fits]).sum(dim=0)
        count = torch.stack([torch.tensor([row["count"] for row in fit["classes"]]) for fit in fits]).sum(dim=0)
        result["classes"] = class_rows(confusion, count, [row["name"] for row in fits[0]["classes"]])
        result["confusion"] = confusion.tolist()
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    """Returns the mean of the defined values, ``None`` without any."""
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None


def last_epoch_note(epochs: int) -> str:
    """Returns the note that the last epoch is the best one."""
    return f"the best epoch is the last one ({epochs}); train longer: --epochs {2 * epochs}"


def _combine_notes(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the notes of all fits, each once; not of all fits: with their number."""
    notes = [note for fit in fits for note in fit.get("notes", [])]
    counts = {note: notes.count(note) for note in notes}
    return [note if count == len(fits) else f"in {count} of {len(fits)} runs, {note}" for note, count in counts.items()]


def _mean_floors(floors: Sequence[Mapping[str, Mapping[str, float | None]]]) -> dict[str, dict[str, float | None]]:
    """Returns the mean floors of a regression over the fits that define them."""
    scores = {
        name: {metric: summary([fit[name][metric] for fit in floors]) for metric in entry}
        for name, entry in floors[0].items()
    }
    return {name: {key: value and value["mean"] for key, value in entry.items()} for name, entry in scores.items()}


def _by_folds(fits: Sequence[FitResult], maximize: bool) -> dict[str, Any]:
    """Returns the scores of the ten-fold protocol."""
    seeds = sorted({fit["seed"] for fit in fits})
    epochs, means, single = [], [], None
    for seed in seeds:
        of_seed = [fit["curve"] or [] for fit in fits if fit["seed"] == seed]
        curves = [[nan if score is None else score for score in curve] for curve in of_seed]
        epoch, mean, _ = fold_curve(torch.tensor(curves, dtype=torch.float64), maximize)
        epochs.append(int(epoch) + 1)
        means.append(float(mean))
        single = summary([curve[int(epoch)] for curve in curves], population=True)
    test = single if len(seeds) == 1 else summary(means)
    return {"test": test, "validation": None, "selected_on": "fold", "epochs": epochs}


def validation_rank(result: Mapping[str, Any]) -> float:
    """Returns the validation score, negated if smaller is better; 0 without one."""
    mean = float((result.get("validation") or {}).get("mean", 0.0))
    return mean if result.get("maximize", True) else -mean


def scores_by_seed(result: dict[str, Any]) -> dict[int, float]:
    """Returns the test scores by seed, or by fold for the ten folds of one seed.

    Raises:
        InputError: If scores are missing, so that they cannot be assigned to seeds.
    """
    seeds, scores = result["seeds"], result["test"]["runs"]
    if len(seeds) == 1 and len(scores) > 1:
        return dict(enumerate(scores))
    if len(seeds) != len(scores):
        raise InputError(f"the run '{result['run']}' has {len(scores)} test scores for {len(seeds)} seeds")
    return dict(zip(seeds, scores, strict=True))


def against(result: dict[str, Any], first: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Returns the paired test of two results on shared seeds, and the means on these.

    Both are ``None`` without shared seeds or without test scores.
    """
    if not result["test"] or not first["test"]:
        return None, None
    scores, other = scores_by_seed(result), scores_by_seed(first)
    seeds = [seed for seed in scores if seed in other]
    if not seeds:
        return None, None
    pairs = [scores[seed] for seed in seeds], [other[seed] for seed in seeds]
    return paired_test(*pairs)._asdict(), {"seeds": seeds, "mean": fmean(pairs[0]), "first": fmean(pairs[1])}
