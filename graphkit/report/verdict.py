"""Verdict of a report: what the scores support, and signs of a failed training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graphkit.experiments import RunFolder
from graphkit.experiments.compare import compare_runs
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.report import collect, collect_paths
from graphkit.report.no_picture import NoPicture, loading
from graphkit.tasks import maximizes

#: Smallest cosine similarity at which two factors count as the same.
_SAME = 0.99
#: Largest mean deviation of attention from a uniform one, relative to it, that counts as uniform.
_UNIFORM = 0.02
#: Number of test nodes whose attention is compared with a uniform one.
_NODES = 500
#: Significance level of a comparison.
_LEVEL = 0.05


def verdict(run: RunFolder, others: Sequence[RunFolder] = ()) -> list[str]:
    """Returns short statements on what the result of a run supports.

    They cover the number of seeds, differences to other runs, the notes of the training, trivial predictions, equal
    factors and uniform attention. A check whose data cannot be loaded makes no statement.

    Args:
        run (RunFolder): A completed run.
        others (list of RunFolder, optional): Runs on the same data to compare with. (default: ``()``)

    Raises:
        InputError: If a run cannot be compared, see :func:`~graphkit.experiments.compare_runs`.
    """
    statements = [*seed_statements(run.result), *(_difference(run, other) for other in others)]
    statements += [f"{note[:1].upper()}{note[1:]}." for note in run.result.get("notes", ())]
    for check in (_trivial, _factors, _attention):
        statements += _attempt(check, run)
    return statements


def _attempt(check: Callable[[RunFolder], list[str]], run: RunFolder) -> list[str]:
    """Returns the statements of a check; none if it cannot load data or model."""
    try:
        return check(run)
    except (NoPicture, FileNotFoundError):
        return []


def seed_statements(result: Mapping[str, Any]) -> list[str]:
    """Returns the statement on the number of seeds."""
    count = len(result["seeds"])
    if count > 1:
        return []
    if result["selected_on"] == "fold":
        return ["One seed of the folds, whose epoch was chosen on the folds themselves: no claim about unseen graphs."]
    return ["One seed: no claim about differences. Repeat it with --seeds 5 or more."]


def _difference(run: RunFolder, other: RunFolder) -> str:
    """Returns the statement on the difference to another run."""
    result = compare_runs([other, run])
    test, percent = result["runs"][1]["against_first"], result["metric"] in PERCENT
    name = other.config.model.name
    if test is None:
        return f"No seed is shared with {name}: the two runs cannot be compared."
    return difference_statement(test, name, percent, result["maximize"])


def difference_statement(
    test: Mapping[str, Any], name: str, percent: bool, maximize: bool = True, subject: str = ""
) -> str:
    """Returns the statement on a paired test.

    Args:
        test (dict): Fields of a :class:`~graphkit.metrics.PairedTest`.
        name (str): Name of the second method.
        percent (bool): Shows fractions as percentage points.
        maximize (bool, optional): Larger scores are better. (default: ``True``)
        subject (str, optional): Name of the first method. (default: ``""``)
    """
    gain = test["difference"] if maximize else -test["difference"]
    word = "gain" if gain >= 0 else "loss"
    word = f"{subject}: {word}" if subject else word.capitalize()
    change = f"{word} against {name} {format_score(abs(gain), percent)}{' points' if percent else ''}"
    pairs = f"{test['pairs']} shared seed{'' if test['pairs'] == 1 else 's'}"
    if test["p"] is None:
        return f"{change}, {pairs}: no claim."
    claim = "significant" if test["p"] < _LEVEL else "not significant"
    return f"{change}, p = {test['p']:.3f}, {pairs}: {claim} at the level {_LEVEL:g}."


def _trivial(run: RunFolder) -> list[str]:
    """Returns statements on predictions that ignore the input."""
    result, statements = run.result, []
    if result.get("confusion"):
        counts = torch.tensor(result["confusion"])
        names, sizes, predicted = [row["name"] for row in result["classes"]], counts.sum(dim=1), counts.sum(dim=0)
        total, largest = int(sizes.sum()), int(sizes.argmax())
        if total and int(counts.diagonal().sum()) <= int(sizes[largest]):
            share = f"{100 * int(sizes[largest]) / total:.1f} %"
            statements.append(f"No better than predicting the class {names[largest]} for all test items ({share}).")
        absent = [name for name, size, count in zip(names, sizes, predicted, strict=True) if size and not count]
        if absent:
            listed = ", ".join(map(str, absent[:3])) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
            statements.append(f"Never predicted: {listed}.")
    floors, metrics = result.get("floors") or {}, dict.fromkeys((result["metric"], "hard-mrr"))
    for name, metric in [(name, metric) for metric in metrics for name in floors]:
        value, scores = floors[name].get(metric), (result.get("scores") or {}).get(metric)
        scores = result.get("test") if metric == result["metric"] else scores
        if scores and value is not None:
            better = scores["mean"] > value if maximizes(metric) else scores["mean"] < value
            if not better:
                percent = metric in PERCENT
                both = f"{metric} {format_score(scores['mean'], percent)} against {format_score(value, percent)}"
                statements.append(f"No better than the floor “{name.replace('-', ' ')}”: {both}.")
    return statements


def _factors(run: RunFolder) -> list[str]:
    """Returns statements on factors that are equal or constant."""
    with loading():
        fit = run.best
        if not collect.has_factors(fit):
            return []
    values = collect.factor_view(fit).coefficients.astype(float)
    statements, count = [], values.shape[1]
    if not len(values):
        return []
    norms = np.linalg.norm(values, axis=0)
    cosine = (values.T @ values) / np.maximum(np.outer(norms, norms), 1e-12)
    same = [(cosine[i, j], i, j) for i in range(count) for j in range(i) if cosine[i, j] >= _SAME]
    if len(same) == count * (count - 1) // 2 > 1:
        statements.append(f"All {count} factors of the first layer are the same (cosine ≥ {_SAME:g}).")
    else:
        statements += [
            f"Factors {j} and {i} of the first layer are the same (cosine {value:.2f})."
            for value, i, j in sorted(same, reverse=True)[:3]
        ]
    off = [str(factor) for factor in range(count) if values[:, factor].max() < 0.01]
    if off:
        named, verb = ("Factors", "have") if len(off) > 1 else ("Factor", "has")
        listed = ", ".join(off[:-1]) + f" and {off[-1]}" if len(off) > 1 else off[0]
        statements.append(f"{named} {listed} of the first layer {verb} no edges (coefficients below 0.01).")
    return statements


def _attention(run: RunFolder) -> list[str]:
    """Returns the statement on attention that is uniform."""
    with loading():
        fit = run.best
        if not collect_paths.has_paths(fit):
            return []
    deviation = collect_paths.attention_deviation(fit, _NODES)
    if deviation is None or deviation > _UNIFORM:
        return []
    return [f"Attention to paths is uniform within {100 * _UNIFORM:g} %: the model averages its neighborhood."]
