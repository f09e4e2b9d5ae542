"""Verdict of a report: what the scores support, and signs of a failed training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graphkit.experiments import RunFolder
from graphkit.experiments.compare import compare_runs
from graphkit.metrics import target_scores
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.report import collect, collect_clips, collect_paths
from graphkit.report.class_outputs import calibration
from graphkit.report.label_tables import MULTI_LABEL, best_floors, label_means, named, target_means
from graphkit.report.no_picture import NoPicture, loading
from graphkit.tasks import maximizes

#: Smallest cosine similarity at which two factors count as the same.
_SAME = 0.99
#: Largest mean deviation of attention from a uniform one, relative to it, that counts as uniform.
_UNIFORM = 0.02
#: Smallest expected calibration error that is stated.
_CALIBRATED = 0.15
#: Fraction of explained variance below which a regression is said to be little better than the mean.
_EXPLAINED = 0.1
#: Significance level of all paired tests of a page together.
_LEVEL = 0.05


def verdict(run: RunFolder, others: Sequence[RunFolder] = ()) -> list[str]:
    """Returns short statements on what the result of a run supports.

    They cover the number of seeds, differences to other runs, the notes of the training, trivial predictions, weak
    labels and targets, uncalibrated probabilities, equal factors, uniform attention and learned graphs without effect.
    A check whose data cannot be loaded makes no statement.

    Args:
        run (RunFolder): A completed run.
        others (list of RunFolder, optional): Runs on the same data to compare with. (default: ``()``)

    Raises:
        InputError: If a run cannot be compared, see :func:`~graphkit.experiments.compare_runs`.
    """
    compare = f"Compare the run with one: graphkit report {run.path.name} BASELINE."
    statements = seed_statements(run.result, "" if others else compare)
    for other in others:
        statements += _difference(run, other, len(others))
    statements += note_statements({"": run.result})
    for check in (_trivial, _labels, _targets, _calibration, _untrained, _factors, _attention, _learned_graphs):
        statements += _attempt(check, run)
    return statements


def note_statements(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns the notes of trainings as statements, such as on a last best epoch.

    Args:
        results (dict): Content of ``result.json`` by name of the training; a single one may have the name ``""``.
    """
    names: dict[str, list[str]] = {}
    for name, result in results.items():
        for note in result.get("notes", ()):
            names.setdefault(note, []).append(name)
    statements = []
    for note, of_note in names.items():
        subject = ", ".join(filter(None, of_note))
        statements.append(f"{subject}: {note}." if subject else f"{note[:1].upper()}{note[1:]}.")
    return statements


def _attempt(check: Callable[[RunFolder], list[str]], run: RunFolder) -> list[str]:
    """Returns the statements of a check; none if it cannot load data or model."""
    try:
        return check(run)
    except (NoPicture, FileNotFoundError):
        return []


def seed_statements(result: Mapping[str, Any], baseline: str = "") -> list[str]:
    """Returns the statement on the number of seeds.

    Args:
        result (dict): Content of ``result.json``.
        baseline (str, optional): Remedy, if there is nothing to compare with. (default: ``""``)
    """
    count = len(result["seeds"])
    if count > 1:
        return [f"{count} seeds without a baseline: no claim about differences. {baseline}"] if baseline else []
    if result["selected_on"] == "fold":
        return ["One seed of the folds, whose epoch was chosen on the folds themselves: no claim about unseen graphs."]
    return ["One seed: no claim about differences. Repeat it with --seeds 5 or more."]


def _difference(run: RunFolder, other: RunFolder, tests: int) -> list[str]:
    """Returns the statements on the difference to another run."""
    result = compare_runs([other, run])
    test, percent = result["runs"][1]["against_first"], result["metric"] in PERCENT
    name = other.config.model.name
    if test is None:
        return [f"No seed is shared with {name}: the two runs cannot be compared."]
    statements = [difference_statement(test, name, percent, result["maximize"], tests=tests)]
    gain = test["difference"] if result["maximize"] else -test["difference"]
    uses_edges, other_uses = (getattr(r.config.model.model_class, "uses_edges", True) for r in (run, other))
    if uses_edges and not other_uses and gain <= 0:
        statements.append(f"No better than {name}, which ignores the edges.")
    return statements


def difference_statement(
    test: Mapping[str, Any], name: str, percent: bool, maximize: bool = True, subject: str = "", tests: int = 1
) -> str:
    """Returns the statement on a paired test.

    Args:
        test (dict): Fields of a :class:`~graphkit.metrics.PairedTest`.
        name (str): Name of the second method.
        percent (bool): Shows fractions as percentage points.
        maximize (bool, optional): Larger scores are better. (default: ``True``)
        subject (str, optional): Name of the first method. (default: ``""``)
        tests (int, optional): Number of tests of the page, by which the level is divided (Bonferroni). (default: ``1``)
    """
    gain = test["difference"] if maximize else -test["difference"]
    word = "gain" if gain >= 0 else "loss"
    word = f"{subject}: {word}" if subject else word.capitalize()
    size, level = format_score(abs(gain), percent), _LEVEL / tests
    significant = test["p"] is not None and test["p"] < level
    change = f"{word} against {name} {size}{' points' if percent else ''}"
    if float(size) == 0 and not significant:
        change = f"{subject}: no difference to {name}" if subject else f"No difference to {name}"
    pairs = f"{test['pairs']} shared seed{'' if test['pairs'] == 1 else 's'}"
    if test["p"] is None:
        return f"{change}, {pairs}: no claim."
    claim = "significant" if significant else "not significant"
    divided = f" ({_LEVEL:g} / {tests} tests)" if tests > 1 else ""
    return f"{change}, p = {test['p']:.3f}, {pairs}: {claim} at the level {level:.2g}{divided}."


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
            statements.append(f"Never predicted: class{'es' if len(absent) > 1 else ''} {listed}.")
    floors = result.get("floors") or {}
    for metric in dict.fromkeys((result["metric"], "hard-mrr")):
        scores = result.get("test") if metric == result["metric"] else (result.get("scores") or {}).get(metric)
        values = {name: entry[metric] for name, entry in floors.items() if entry.get(metric) is not None}
        if scores:
            sign = 1 if maximizes(metric) else -1
            above = {name: value for name, value in values.items() if sign * (scores["mean"] - value) <= 0}
            if above:
                percent, unit = metric in PERCENT, " %" if metric in PERCENT else ""
                texts = [f"{key.replace('-', ' ')} {format_score(above[key], percent)}{unit}" for key in above]
                score = f"{metric} {format_score(scores['mean'], percent)}{unit}"
                which = f"{len(above)} of {len(values)} floors" if len(values) > 1 else "the floor"
                statements.append(f"No better than {which}: {score}, {', '.join(texts)}.")
    micro_f1 = (result.get("scores") or {}).get("micro-f1")
    if micro_f1 and micro_f1["mean"] == 0:
        statements.append("No label is predicted for any test item: all probabilities are below one half.")
    r2 = (result.get("scores") or {}).get("r2")
    if r2 and 0 < r2["mean"] < _EXPLAINED:
        statements.append(
            f"Explains {100 * r2['mean']:.0f} % of the variance of the targets: little better than their mean."
        )
    return statements


def _untrained(run: RunFolder) -> list[str]:
    """Returns the statement on factors that are no better than without training."""
    distance, untrained = (run.result.get(name) for name in ("ged_e", "untrained_ged_e"))
    if not distance or not untrained or distance["mean"] < untrained["mean"]:
        return []
    means = f"{distance['mean']:.2f}, untrained {untrained['mean']:.2f}"
    return [f"Factors are no closer to the true patterns than those of the untrained model: GED_E {means}."]


def _labels(run: RunFolder) -> list[str]:
    """Returns the statement on labels whose ranking is no better than chance."""
    with loading():
        fit = run.best
        if not fit.dataset.task.startswith(MULTI_LABEL) or not fit.split.test.numel():
            return []
    names, areas = collect.output_names(fit), label_means(collect.test_labels(run))["roc-auc"]
    weak = [name for name, area in zip(names, areas, strict=True) if area <= 0.5]
    return _weak(weak, len(names), "label", "ranked no better than chance (roc-auc of at most 50 %)")


def _targets(run: RunFolder) -> list[str]:
    """Returns the statement on targets whose error is no smaller than that of a floor."""
    with loading():
        fit = run.best
        if not fit.dataset.task.endswith("regression") or fit.dataset.num_outputs < 2 or not fit.split.test.numel():
            return []
    metric, fits = run.result["metric"], collect.shown_fits(run)
    means = target_means([target_scores(*collect.test_values(fit)) for fit in fits])[metric]
    floors = best_floors([collect.test_floors(fit) for fit in fits])[metric]
    sign = 1 if maximizes(metric) else -1
    names = collect.output_names(fit)
    weak = [name for name, a, b in zip(names, means, floors, strict=True) if sign * (a - b) <= 0]
    return _weak(weak, len(names), "target", f"predicted no better than by a floor ({metric})")


def _weak(names: Sequence[str], count: int, kind: str, text: str) -> list[str]:
    """Returns the statement on some of several labels or targets, if there are any."""
    if not names:
        return []
    if count == 1:
        return [f"The {kind} is {text}."]
    return [f"{len(names):,} of {count:,} {kind}s {'is' if len(names) == 1 else 'are'} {text}: {named(names)}."]


def _calibration(run: RunFolder) -> list[str]:
    """Returns the statement on probabilities that differ from the accuracy."""
    if not run.result.get("confusion"):
        return []
    with loading():
        _, probability, y = collect.class_outputs(run.best)
    if not y.numel():
        return []
    result, count = calibration(probability, y), y.numel()
    confidence, accuracy = ((result.items * value).sum() / count for value in result[:2])
    deviation = float((confidence * (1 - confidence) / count).sqrt())  # of the accuracy, if both are equal
    if result.error < _CALIBRATED or abs(float(confidence - accuracy)) <= 2 * deviation:
        return []
    side = "too low" if confidence < accuracy else "too high"
    return [
        f"Probabilities are {side} (mean {100 * float(confidence):.0f} %, accuracy {100 * float(accuracy):.0f} %): "
        "they rank the classes, but are not frequencies."
    ]


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
        statements += _same_factors(same)
    off = [factor for factor in range(count) if values[:, factor].max() < 0.01]
    if off:
        noun, verb = ("Factors", "have") if len(off) > 1 else ("Factor", "has")
        statements.append(f"{noun} {_listed(off)} of the first layer {verb} no edges (coefficients below 0.01).")
    return statements


def _same_factors(pairs: Sequence[tuple[float, int, int]]) -> list[str]:
    """Returns a statement for each group of factors that are equal pairwise.

    The groups are disjoint: of two that share a factor, the one with the most similar pair has it.

    Args:
        pairs (list): Cosine and numbers of the pairs of equal factors.
    """
    cosine_of = {frozenset(pair): value for value, *pair in pairs}
    groups = {factor: {factor} for factor in sorted(frozenset().union(*cosine_of))}
    for i, j in sorted(cosine_of, key=lambda pair: -cosine_of[pair]):
        if all(frozenset((a, b)) in cosine_of for a in groups[i] for b in groups[j] if a != b):
            joined = groups[i] | groups[j]
            groups.update(dict.fromkeys(joined, joined))
    statements = []
    for group in sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1}):
        cosines = [value for pair, value in cosine_of.items() if pair <= set(group)]
        cosine = f"{cosines[0]:.2f}" if len(cosines) == 1 else f"≥ {int(100 * min(cosines) + 1e-3) / 100:.2f}"
        statements.append(f"Factors {_listed(group)} of the first layer are the same (cosine {cosine}).")
    return statements


def _listed(numbers: Sequence[int]) -> str:
    """Returns numbers as a list with ``and``."""
    texts = list(map(str, numbers))
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]


def _attention(run: RunFolder) -> list[str]:
    """Returns the statement on attention that is uniform."""
    with loading():
        fit = run.best
        if not collect_paths.has_paths(fit):
            return []
    deviation = collect_paths.attention_deviation(fit, collect_paths.NODES)
    if deviation is None or deviation > _UNIFORM:
        return []
    return [f"Attention to paths is uniform within {100 * _UNIFORM:g} %: the model averages its neighborhood."]


def _learned_graphs(run: RunFolder) -> list[str]:
    """Returns the statement on learned graphs of joints without effect."""
    with loading():
        fit = run.best
        if not collect_clips.has_learned_graphs(fit):
            return []
    graphs = collect_clips.learned_graphs(fit)
    largest = max(float(graph.added.mean() / max(graph.fixed.mean(), 1e-12)) for graph in graphs)
    if largest > _UNIFORM:
        return []
    return [f"Learned graphs change the skeleton by less than {100 * _UNIFORM:g} %: they have no effect yet."]
