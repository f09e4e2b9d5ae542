"""Command ``graphkit report``."""

import click

from graphkit.screen import echo


@click.command(short_help="Write an HTML report of each run.")
@click.argument("runs", type=click.Path(), nargs=-1, required=True)
def report(runs: tuple[str, ...]) -> None:
    """Write an HTML report into each of the run folders RUNS.

    The report is one file with a verdict, settings, environment, training curves, scores and figures. Each
    run of train is compared with the other ones on the same data.

    \b
    Example:
      graphkit report runs/factorgcn-factor-graphs-001
    """
    from graphkit.report import report as write_report

    for run in runs:
        echo(f"report: {write_report(run, [other for other in runs if other != run])}")
