"""Command ``graphkit evaluate``."""

import json

import click

from graphkit.screen import echo


@click.command(short_help="Evaluate a run from its saved weights.")
@click.argument("run", type=click.Path())
@click.option("--device", default="auto", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def evaluate(run: str, device: str, as_json: bool) -> None:
    """Evaluate the run folder RUN from its saved weights.

    \b
    Example:
      graphkit evaluate runs/factorgcn-cora-001
    """
    from graphkit.cli.scores import describe
    from graphkit.experiments import evaluate_run, open_run

    result = evaluate_run(open_run(run), device)
    echo(json.dumps(result) if as_json else describe(result))
