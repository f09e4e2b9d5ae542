"""Tables of the scores of each label, and of each target of a regression."""

import math
from collections.abc import Mapping, Sequence

import torch

from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.metrics.label_scores import LabelScores
from graphkit.metrics.target_scores import TargetScores
from graphkit.report.page import Block, Cell, Note, Table
from graphkit.tasks import maximizes

#: Largest number of labels whose table shows all rows, and numbers of best and of worst rows of a longer one.
SHOWN, ENDS = 25, 10
#: Prefixes of the names of tasks with several labels per item.
MULTI_LABEL = ("multilabel-", "multitask-")
#: Largest number of labels that a sentence names.
_NAMED = 10
#: Fields of the scores by metric; the micro-F1 of a single label is its F1.
_LABEL_FIELDS = {"roc-auc": "roc_auc", "average-precision": "average_precision", "micro-f1": "f1"}
_TARGET_FIELDS = {"mae": "mae", "rmse": "rmse", "r2": "r2"}


def label_table(fits: Sequence[LabelScores], names: Sequence[str], metric: str) -> list[Block]:
    """Returns the table of the scores of each label, with their floors.

    Of more than :data:`SHOWN` labels, the best and the worst ones are shown, and the file has all. A note names the
    labels without a score.

    Args:
        fits (list[LabelScores]): Scores on the test items of each fit, which are averaged.
        names (list[str]): Names of the labels.
        metric (str): Metric that orders the labels.
    """
    scores, floors = label_means(fits), label_means([fit.floors() for fit in fits])
    items = torch.stack([fit.items for fit in fits]).sum(dim=0).tolist()
    positives = torch.stack([fit.positives for fit in fits]).sum(dim=0).tolist()
    shares = [f"{100 * part / count:.1f} %" if count else None for part, count in zip(positives, items, strict=True)]
    gaps = []
    for count, f1, area in zip(items, scores["micro-f1"], scores["roc-auc"], strict=True):
        if not count:
            gaps.append("no score: no labeled item")
        elif math.isnan(f1):
            gaps.append("no score: one class only")
        else:
            gaps.append("no ranking: an output is NaN" if math.isnan(area) else "")
    columns = {"labeled items": items, "positive": shares}
    note = (
        "Floors of roc-auc and average-precision are those of random scores, and that of f1 is that of predicting the "
        "label for all items."
    )
    return [*_table("label", names, columns, scores, floors, gaps, metric), Note(note)]


def target_table(
    fits: Sequence[TargetScores], floors: Sequence[Mapping[str, TargetScores]], names: Sequence[str], metric: str
) -> list[Block]:
    """Returns the table of the errors of each regression target, with their floors.

    Of more than :data:`SHOWN` targets, the best and the worst ones are shown, and the file has all. A note names the
    targets without a score.

    Args:
        fits (list[TargetScores]): Errors on the test items of each fit, which are averaged.
        floors (list[dict]): Errors of predictions without training of each fit, by name.
        names (list[str]): Names of the targets.
        metric (str): Metric that orders the targets.
    """
    scores = target_means(fits)
    items = torch.stack([fit.items for fit in fits]).sum(dim=0).tolist()
    gaps = []
    for count, error, r2 in zip(items, scores["mae"], scores["r2"], strict=True):
        if not count:
            gaps.append("no score: no value")
        elif math.isnan(error):
            gaps.append("no score: a prediction is NaN")
        else:
            gaps.append("no r2: one value only" if math.isnan(r2) else "")
    listed = "the mean of the training values" + (" and the latest earlier value" if "last-value" in floors[0] else "")
    note = f"Floors are the scores of {listed}" + (", the better one for each target." if len(floors[0]) > 1 else ".")
    return [*_table("target", names, {"test items": items}, scores, best_floors(floors), gaps, metric), Note(note)]


def label_means(fits: Sequence[LabelScores]) -> dict[str, list[float]]:
    """Returns the mean score of each label over fits, by metric; NaN if undefined."""
    return _means(fits, _LABEL_FIELDS)


def target_means(fits: Sequence[TargetScores]) -> dict[str, list[float]]:
    """Returns the mean error of each target over fits, by metric; NaN if undefined."""
    return _means(fits, _TARGET_FIELDS)


def best_floors(floors: Sequence[Mapping[str, TargetScores]]) -> dict[str, list[float]]:
    """Returns the score of the best floor of each target, by metric.

    Args:
        floors (list[dict]): Errors of predictions without training of each fit, by name.
    """
    means = [target_means([fit[name] for fit in floors]) for name in floors[0]]
    return {
        key: [_best(values, maximizes(key)) for values in zip(*(part[key] for part in means), strict=True)]
        for key in _TARGET_FIELDS
    }


def named(names: Sequence[str]) -> str:
    """Returns a list of names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _means(fits: Sequence[LabelScores] | Sequence[TargetScores], fields: Mapping[str, str]) -> dict[str, list[float]]:
    """Returns the means over fits of each metric, leaving out undefined scores."""
    stacked = {key: torch.stack([getattr(fit, field) for fit in fits]) for key, field in fields.items()}
    return {key: values.nanmean(dim=0).tolist() for key, values in stacked.items()}


def _best(values: Sequence[float], maximize: bool) -> float:
    """Returns the best of the defined values, NaN without one."""
    defined = [value for value in values if not math.isnan(value)]
    return (max if maximize else min)(defined, default=math.nan)


def _table(
    kind: str,
    names: Sequence[str],
    counts: Mapping[str, Sequence[Cell]],
    scores: Mapping[str, Sequence[float]],
    floors: Mapping[str, Sequence[float]],
    gaps: Sequence[str],
    metric: str,
) -> list[Block]:
    """Returns a table of labels or targets, and a note for each reason of a gap."""
    titles = {key: "f1" if key == "micro-f1" else key for key in scores}
    head = [kind, *counts]
    for key, title in titles.items():
        head += [f"{title} {'↑' if maximizes(key) else '↓'}", f"{title} floor"]
    rows: list[list[Cell]] = []
    for index, name in enumerate(names):
        cells = [_cell(part[key][index], key) for key in scores for part in (scores, floors)]
        rows.append([name, *(values[index] for values in counts.values()), *cells])
    if any(gaps):
        head.append("gaps")
        rows = [[*row, gap] for row, gap in zip(rows, gaps, strict=True)]
    if len(rows) <= SHOWN:
        table = Table(head, rows, f"Scores of each {kind}")
    else:
        ranked = [index for index in range(len(rows)) if not math.isnan(scores[metric][index])]
        ranked.sort(key=lambda index: -scores[metric][index] if maximizes(metric) else scores[metric][index])
        shown = [rows[index] for index in ranked]
        title = f"{kind.capitalize()}s with a score, of {len(rows):,}"
        if len(ranked) > 2 * ENDS:
            left: list[Cell] = [f"… {len(ranked) - 2 * ENDS:,} more …", *("" for _ in head[1:])]
            shown = [*shown[:ENDS], left, *shown[-ENDS:]]
            title = f"The {ENDS} best and the {ENDS} worst of {len(rows):,} {kind}s by {titles[metric]}"
        table = Table(head, shown, title, file_rows=rows)
    blocks: list[Block] = [table]
    for gap in dict.fromkeys(filter(None, gaps)):
        of_gap = [name for name, reason in zip(names, gaps, strict=True) if reason == gap]
        text = f"{gap[:1].upper()}{gap[1:]} ({len(of_gap):,} of {len(names):,} {kind}s): {named(of_gap)}."
        blocks.append(Note(text))
    return blocks


def _cell(value: float, metric: str) -> Cell:
    """Returns a score as text, ``None`` if undefined."""
    if math.isnan(value):
        return None
    percent = metric in PERCENT
    return format_score(value, percent) + (" %" if percent else "")
