"""Text output of the result of a continual run."""

from pathlib import Path
from typing import Any

from graphkit.cli.scores import SEEDS
from graphkit.metrics.format_scores import PERCENT, format_score, format_scores
from graphkit.screen import printable

#: Number of digits of a score that is not a percentage.
_DIGITS = 3
_COLUMNS = (
    ("average_performance", "performance"),
    ("average_forgetting", "AF"),
    ("learning_accuracy", "learning"),
    ("forward_transfer", "transfer"),
)


def describe(result: dict[str, Any]) -> str:
    """Returns a table of strategies with legend, and the matrix of a single strategy."""
    percent = result["metric"] in PERCENT
    protocol, count = result["protocol"], len(result["protocol"]["tasks"])
    edges = "" if protocol["inter_task_edges"] else ", no edges between tasks"
    head = "".join(f"{title:>18}" for _, title in _COLUMNS)
    lines = [
        f"{result['model']} on {printable(result['dataset'])}: {count} tasks of {len(protocol['tasks'][0])}, "
        f"{protocol['scenario']}, graph visible: {protocol['visible']}{edges}",
        f"protocol {protocol['name']}: heads {protocol['heads']}, {protocol['optimizer']}, weight decay "
        f"{protocol['weight_decay']:g}; {result['metric']}{' in %' if percent else ''}, {len(result['seeds'])} seed(s)",
        f"  {'strategy':<20}{head}{'s per task':>12}{'MiB kept':>10}",
    ]
    for name, entry in result["strategies"].items():
        cells = "".join(f"{format_scores(entry[key], percent, _DIGITS):>18}" for key, _ in _COLUMNS)
        seconds = entry["seconds_per_task"]
        lines.append(f"  {name:<20}{cells}{sum(seconds) / count:>12.1f}{entry['memory_mb_per_task'][-1]:>10.2f}")
    lines += [f"note: {note}" for note in protocol.get("notes", ())]
    lines.append(
        "performance: final mean over all tasks; AF: mean change since training on a task, over T - 1 tasks, negative "
        "means forgetting; learning: mean directly after training on a task; transfer: before it, minus untrained"
    )
    if len(result["strategies"]) == 1:
        lines += _matrix(next(iter(result["strategies"].values()))["matrix"], percent)
    folder = Path(result["run"])
    if (folder / "report.html").exists():
        lines.append(f"report: {printable(folder / 'report.html')}")
    lines.append(f"run folder: {printable(folder)}")
    return "\n".join(lines)


def next_steps(result: dict[str, Any]) -> list[str]:
    """Returns the commands that usually follow a continual run."""
    steps = []
    if len(result["strategies"]) == 1:
        steps.append("to compare: the same command with --compare all instead of --strategy")
    if len(result["seeds"]) < SEEDS:
        config = printable(Path(result["run"], "config.yaml"))
        steps.append(f"to repeat: graphkit continual --config {config} --seeds {SEEDS}")
    return steps or ["to search settings first: the same command with --search"]


def _matrix(matrix: list[list[float | None]], percent: bool) -> list[str]:
    """Returns the performance matrix as text, with one row per completed task."""
    rows = ["  score on task " + "".join(f"{number + 1:>7}" for number in range(len(matrix)))]
    for number, row in enumerate(matrix):
        cells = ("-" if value is None else format_score(value, percent, _DIGITS) for value in row)
        rows.append(f"  after task {number + 1:>3}" + "".join(f"{cell:>7}" for cell in cells))
    return rows
