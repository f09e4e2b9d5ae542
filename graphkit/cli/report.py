"""``graphkit report``."""

import click

from graphkit.screen import echo


@click.command(short_help="Write a run's report as one HTML file.")
@click.argument("run", type=click.Path())
def report(run: str) -> None:
    """Write the report of the run folder RUN: settings, environment, curves, scores and pictures, in one HTML file.

    \b
    Example:
      graphkit report runs/factorgcn-factor-graphs-001
    """
    from graphkit.report import report as write_report

    echo(f"report: {write_report(run)}")
