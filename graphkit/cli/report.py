"""``graphkit report``."""

import click

from graphkit.screen import echo


@click.command(short_help="Write each run's report as one HTML file.")
@click.argument("runs", type=click.Path(), nargs=-1, required=True)
def report(runs: tuple[str, ...]) -> None:
    """Write the reports of the run folders RUNS: settings, environment, curves, scores and pictures, in one HTML file
    in each folder.

    \b
    Example:
      graphkit report runs/factorgcn-factor-graphs-001
    """
    from graphkit.report import report as write_report

    for run in runs:
        echo(f"report: {write_report(run)}")
