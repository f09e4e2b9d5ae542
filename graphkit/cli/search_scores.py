"""Text output of the result of a search."""

from pathlib import Path
from typing import Any

from graphkit.metrics.format_scores import PERCENT, format_score, format_scores
from graphkit.screen import printable


def describe(result: dict[str, Any]) -> str:
    """Returns a table of the models with their chosen settings."""
    percent, count = result["metric"] in PERCENT, result["trials"]
    lines = [
        f"{printable(result['dataset'])}: {count} trials for each of {len(result['models'])} models, chosen on "
        f"validation; test {result['metric']}{' in %' if percent else ''} of {len(result['seeds'])} fresh seed(s)",
        f"  {'model':<14}{'test':>18}{'validation':>18}{'difference':>12}{'p':>9}",
    ]
    for name, entry in result["models"].items():
        test, validation = (format_scores(entry[key], percent) for key in ("test", "validation"))
        paired = entry["against_best"]
        difference = "best" if name == result["chosen"] else "-"
        p = "-"
        if paired is not None:
            difference = format_score(paired["difference"], percent, sign=True)
            p = "-" if paired["p"] is None else f"{paired['p']:.4f}"
        lines.append(f"  {name:<14}{test:>18}{validation:>18}{difference:>12}{p:>9}")
    for name, entry in result["models"].items():
        lines.append(
            f"  {name}: {settings(entry['trials'][entry['chosen']]['options'])} (trial {entry['chosen']}{_half(entry)})"
        )
    lines.append("best: on validation; difference: of test scores to it; p: of a paired t-test; half: of the trials")
    folder = Path(result["run"])
    if (folder / "report.html").exists():
        lines.append(f"report: {printable(folder / 'report.html')}")
    lines.append(f"run folder: {printable(folder)}")
    return "\n".join(lines)


def next_steps(result: dict[str, Any]) -> list[str]:
    """Returns the commands that usually follow a search."""
    run = printable(result["models"][result["chosen"]]["run"])
    config = printable(Path(result["models"][result["chosen"]]["run"], "config.yaml"))
    return [
        f"to predict with the best model: graphkit predict {run} NEW --output FILE",
        f"to train with its settings: graphkit train --config {config} --seeds 10",
    ]


def settings(options: dict[str, Any]) -> str:
    """Returns settings as text, numbers with three digits."""
    return ", ".join(f"{key}={f'{v:.3g}' if isinstance(v, float) else v}" for key, v in options.items())


def _half(entry: dict[str, Any]) -> str:
    """Returns what half of the trials would have chosen."""
    if entry["half"] is None:
        return ""
    return "; half choose the same" if entry["half"] == entry["chosen"] else f"; half choose trial {entry['half']}"
