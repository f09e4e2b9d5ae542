"""Command ``graphkit compare``."""

import json
from typing import Any

import click

from graphkit.screen import echo, printable


@click.command(short_help="Compare runs with paired t-tests.")
@click.argument("runs", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(runs: tuple[str, ...], as_json: bool) -> None:
    """Compare the run folders RUNS with paired t-tests against the first run.

    Runs must have the same data; scores are paired by seed. p-values are two-sided and not corrected for multiple
    comparisons.

    \b
    Example:
      graphkit compare runs/spagan-cora-001 runs/gat-cora-001 runs/gcn-cora-001
    """
    from graphkit.experiments import compare_runs, open_run

    result = compare_runs([open_run(run) for run in runs])
    echo(json.dumps(result) if as_json else "\n".join(_lines(result)))


def _lines(result: dict[str, Any]) -> list[str]:
    """Returns the comparison as a text table."""
    from graphkit.metrics.format_scores import PERCENT, format_score, format_scores

    percent = result["metric"] in PERCENT
    unit = " in %" if percent else ""
    columns = ("test", "difference", "t", "p", "better/pairs")
    width = max(len(entry["model"]) for entry in result["runs"]) + 2
    dataset = printable(result["dataset"])
    lines = [
        f"{dataset}: test {result['metric']}{unit}; differences and tests are against the first run",
        f"  {'model':<{width}}" + "".join(f"{column:>16}" for column in columns) + "  run",
    ]
    for entry in result["runs"]:
        cells, against = [format_scores(entry["test"], percent)], entry["against_first"]
        if against is None:
            cells += ["-"] * 4
        else:
            cells.append(format_score(against["difference"], percent, sign=True))
            cells += ["-", "-"] if against["p"] is None else [f"{against['t']:.2f}", f"{against['p']:.4f}"]
            better = against["wins" if result["maximize"] else "losses"]
            cells.append(f"{better}/{against['pairs']}")
        run = printable(entry["run"])
        lines.append(f"  {entry['model']:<{width}}" + "".join(f"{cell:>16}" for cell in cells) + f"  {run}")
    return lines + _notes(result, percent)


def _notes(result: dict[str, Any], percent: bool) -> list[str]:
    """Returns a note for each run whose difference uses only some of its seeds."""
    from graphkit.metrics.format_scores import format_score

    first, *others = result["runs"]
    lines = []
    for entry in others:
        shared, run = entry["shared"], printable(entry["run"])
        if shared is None:
            lines.append(f"no seed of {run} is among those of the first run: there is nothing to compare")
        elif len(shared["seeds"]) < max(len(row["test"]["runs"]) for row in (first, entry)):
            seeds = ", ".join(map(str, shared["seeds"]))
            means = " against ".join(format_score(shared[key], percent) for key in ("mean", "first"))
            lines.append(f"difference of {run}: over the shared seeds {seeds}: {means}")
    return lines
