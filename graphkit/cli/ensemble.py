"""Command ``graphkit ensemble``."""

import json
from typing import Any

import click

from graphkit.screen import echo, printable


@click.command(short_help="Evaluate the weighted mean of the predictions of several runs.")
@click.argument("runs", nargs=-1, required=True, type=click.Path())
@click.option("--device", default="auto", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def ensemble(runs: tuple[str, ...], device: str, as_json: bool) -> None:
    """Evaluate the weighted mean of the predictions of the run folders RUNS.

    Predictions are probabilities, or the values of a regression. Weights are selected on validation items; they are
    equal for a regression, and if there are no validation items. Several seeds are combined seed by seed. A typical use
    is the combination of the four streams of skeleton clips.

    \b
    Example:
      graphkit ensemble runs/stigcn-nw-ucla-001 runs/stigcn-nw-ucla-002
    """
    from graphkit.experiments import ensemble_runs, open_run

    result = ensemble_runs([open_run(run) for run in runs], device)
    echo(json.dumps(result) if as_json else "\n".join(_lines(result)))


def _lines(result: dict[str, Any]) -> list[str]:
    """Returns the result as text."""
    from graphkit.cli.scores import score_line
    from graphkit.metrics.format_scores import PERCENT, format_score

    chosen = result["selected_on"]  # "equal weights" without validation items
    how = chosen if chosen == "equal weights" else f"weights chosen on {chosen}"
    lines = [f"{len(result['runs'])} runs on {printable(result['dataset'])}, {how}"]
    lines += [score_line(result, name) for name in ("test", "validation") if result[name]]
    percent = result["metric"] in PERCENT
    for run, weight, single in zip(result["runs"], result["weights"], result["single"], strict=True):
        alone = format_score(single, percent) + (" %" if percent else "")
        lines.append(f"  weight {weight:.3f}, alone {alone}: {printable(run)}")
    return lines
