"""The lines that tell a person the result of a run."""

from pathlib import Path
from typing import Any

from graphkit.screen import printable

#: Metrics that are fractions and read better in per cent.
PERCENT = ("accuracy", "balanced-accuracy", "micro-f1", "roc-auc", "top-5-accuracy")


def describe(result: dict[str, Any]) -> str:
    """Returns the scores of a result, one per line, and the run folder."""
    lines = [f"{result['model']} on {printable(result['dataset'])}: {result['parameters']:,} parameters"]
    for name in ("test", "validation"):
        if result.get(name):
            chosen = f", epoch chosen on {result['selected_on']}" if name == "test" else ""
            lines.append(score_line(result, name) + chosen)
    lines += _factor_table(result)
    folder = Path(result["run"])
    pictures = [(f"picture of the {name}", f"figures/{name}.png") for name in ("factors", "paths")]
    for name, path in [("report", "report.html"), *pictures]:
        if (folder / path).exists():
            lines.append(f"{name}: {printable(folder / path)}")
    lines.append(f"run folder: {printable(folder)}")
    return "\n".join(lines)


def score_line(result: dict[str, Any], name: str) -> str:
    """Returns the line of one score, ``"test"`` or ``"validation"``."""
    metric = result["metric"]
    return f"  {name} {metric:<18} {_spread(result[name], metric in PERCENT)}"


#: The scores of factors and how many digits they need.
_FACTOR_SCORES = {"ged_e": 2, "c_score": 3, "fixed_ged_e": 2, "edge_auc": 3, "saturated": 3}


def _factor_table(result: dict[str, Any]) -> list[str]:
    """Returns the scores of the factors beside those of an untrained model and of random factors, as a table."""
    if not result.get("ged_e"):
        return []
    lines = [f"  {'factors of layer 1':<20}" + "".join(f"{name:>18}" for name in _FACTOR_SCORES)]
    for title, prefix in (("trained", ""), ("untrained", "untrained_"), ("random", "random_")):
        cells = []
        for name, digits in _FACTOR_SCORES.items():
            scores = result[prefix + name]
            if scores is None:
                cells.append(f"{'-':>18}")
                continue
            cell = f"{scores['mean']:.{digits}f}"
            if len(scores["runs"]) > 1:
                cell += f" +- {scores['std']:.{digits}f}"
            cells.append(f"{cell:>18}")
        lines.append(f"  {title:<20}" + "".join(cells))
    return lines


def _spread(scores: dict[str, Any], percent: bool) -> str:
    """Returns mean, deviation and number of runs."""
    scale, unit = (100, " %") if percent else (1, "")
    digits = 2 if percent else 4
    text = f"{scores['mean'] * scale:.{digits}f}"
    if len(scores["runs"]) > 1:
        text += f" +- {scores['std'] * scale:.{digits}f}{unit} over {len(scores['runs'])} runs"
    else:
        text += unit
    return text
