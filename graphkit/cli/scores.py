"""Text output of the result of a ``train`` or ``evaluate`` run."""

from pathlib import Path
from typing import Any

from graphkit.metrics.format_scores import PERCENT, format_scores, format_value
from graphkit.screen import printable

#: Number of seeds that the hints propose.
SEEDS = 5


def describe(result: dict[str, Any]) -> str:
    """Returns the scores of a result and the run folder as text."""
    lines = [f"{result['model']} on {printable(result['dataset'])}: {result['parameters']:,} parameters"]
    for name in ("test", "validation"):
        if result.get(name):
            chosen = f", epoch chosen on {result['selected_on']}" if name == "test" else ""
            lines.append(score_line(result, name) + chosen)
    lines += _other_metrics(result)
    lines += _floor_table(result)
    lines += _factor_table(result)
    folder = Path(result["run"])
    pictures = [(f"figure of the {name}", f"figures/{name}.png") for name in ("factors", "paths")]
    for name, path in [("report", "report.html"), *pictures]:
        if (folder / path).exists():
            lines.append(f"{name}: {printable(folder / path)}")
    lines.append(f"run folder: {printable(folder)}")
    return "\n".join(lines)


def next_steps(result: dict[str, Any]) -> list[str]:
    """Returns the commands that usually follow a training."""
    run = printable(result["run"])
    again = "" if len(result["seeds"]) > 1 or result["selected_on"] == "fold" else f"with --seeds {SEEDS}, then "
    steps = [
        ("predict", f"graphkit predict {run} NEW --output FILE"),
        ("compare", f"{again}graphkit compare {run} RUN"),
    ]
    return [f"to {verb}: {command}" for verb, command in steps]


def score_line(result: dict[str, Any], name: str) -> str:
    """Returns the line of the score ``"test"`` or ``"validation"``."""
    metric, percent, count = result["metric"], result["metric"] in PERCENT, len(result[name]["runs"])
    unit, runs = " %" if percent else "", f" over {count} runs" if count > 1 else ""
    return f"  {f'{name} {metric}':<28} {format_scores(result[name], percent)}{unit}{runs}"


def _other_metrics(result: dict[str, Any]) -> list[str]:
    """Returns the line of other test scores; a regression has a table."""
    scores = result.get("scores") or {}
    others = [
        f"{name} {format_scores(score, name in PERCENT)}{' %' if score and name in PERCENT else ''}"
        for name, score in scores.items()
        if name != result["metric"]
    ]
    return [f"  other test scores: {', '.join(others)}"] if others and not result.get("floors") else []


def _floor_table(result: dict[str, Any]) -> list[str]:
    """Returns the table of the test scores and of the floors."""
    floors = result.get("floors")
    if not floors:
        return []
    rows = {name: {key: format_value(score) for key, score in entry.items()} for name, entry in floors.items()}
    scores = result.get("scores") or {result["metric"]: result["test"]}
    rows = {"model": {key: format_scores(score) for key, score in scores.items()}, **rows}
    names = list(next(iter(floors.values())))
    table = [["test", *names], *([title, *(row.get(name, "-") for name in names)] for title, row in rows.items())]
    widths = [max(len(line[column]) for line in table) + 2 for column in range(len(table[0]))]
    widths = [max(widths[0], 20), *(max(width, 18 if len(names) < 4 else 0) for width in widths[1:])]
    return [
        f"  {line[0]:<{widths[0]}}"
        + "".join(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in table
    ]


#: Scores of factors and their numbers of digits.
_FACTOR_SCORES = {"ged_e": 2, "c_score": 3, "fixed_ged_e": 2, "edge_auc": 3, "saturated": 3}


def _factor_table(result: dict[str, Any]) -> list[str]:
    """Returns the table of factor scores: trained, untrained and random."""
    if not result.get("ged_e"):
        return []
    lines = [f"  {'factors of layer 1':<20}" + "".join(f"{name:>18}" for name in _FACTOR_SCORES)]
    for title, prefix in (("trained", ""), ("untrained", "untrained_"), ("random", "random_")):
        cells = (format_scores(result[prefix + name], digits=digits) for name, digits in _FACTOR_SCORES.items())
        lines.append(f"  {title:<20}" + "".join(f"{cell:>18}" for cell in cells))
    return lines
