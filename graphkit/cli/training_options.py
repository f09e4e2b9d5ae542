"""Options that all commands that train share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from graphkit.cli.completion import complete_datasets, complete_recipes

F = TypeVar("F", bound=Callable[..., Any])

#: Options of the engine that runs the independent units of a command.
ENGINE_OPTIONS = (
    click.option("--jobs", type=int, help="Number of local processes for independent fits. [default: 1]"),
    click.option(
        "--on", metavar="ENGINE", help="Run independent fits on Ray: ray or ray://HOST:PORT; see docs/cluster.md."
    ),
    click.option("--unit-cpus", type=int, help="CPUs of a fit. [default: 1 with --on, else all divided by --jobs]"),
    click.option("--unit-gpus", type=float, help="GPUs of a fit with --on. [default: 1 if --device is cuda, else 0]"),
)


def training_options(dataset: str, recipe: str, output: str, setting: str, seed: str = "0") -> Callable[[F], F]:
    """Returns the decorator that adds the shared options to a command.

    Args:
        dataset (str): Default of ``--dataset``.
        recipe (str): Name of the recipe that is used by default, such as ``"MODEL-DATASET"``;
            no option if empty.
        output (str): First part of the name of a new run folder.
        setting (str): Example of ``--set``.
        seed (str, optional): Default of ``--seed``. (default: ``"0"``)
    """
    file = click.Path(exists=True, dir_okay=False)
    recipe_option = click.option(
        "--recipe",
        shell_complete=complete_recipes,
        help=f"Recipe (see `graphkit recipes`), or none. [default: {recipe}, if it exists]",
    )
    options = [
        click.option(
            "--dataset",
            shell_complete=complete_datasets,
            help=f"Data set (see `graphkit datasets`), or path of your data. [default: {dataset}]",
        ),
        click.option(
            "--task", help="Task of your data, such as regression; or link-prediction. [default: that of the data]"
        ),
        click.option("--target", help="Columns or attributes of your data to predict, such as a,b. [default: label]"),
        *([recipe_option] if recipe else []),
        click.option(
            "--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]"
        ),
        click.option("--epochs", type=int, help="Maximum number of epochs, of every model and task that is trained."),
        click.option("--lr", type=float, help="Learning rate, of every model that is trained."),
        click.option(
            "--batch-size", type=int, help="Number of graphs, nodes or clips per batch. [default: see train.batch_size]"
        ),
        click.option("--seed", type=int, help=f"First random seed. [default: {seed}]"),
        click.option(
            "--seeds", type=int, help="Number of seeds, starting from --seed; each has its own split. [default: 1]"
        ),
        click.option("--device", help="Device: auto, cpu, cuda or cuda:N. [default: auto]"),
        click.option("--config", type=file, help="YAML file with settings."),
        click.option(
            "--set", "sets", multiple=True, metavar="KEY=VALUE", help=f"Setting, such as {setting}; repeatable."
        ),
        click.option(
            "--output", type=click.Path(), help=f"Run folder, new or empty. [default: runs/{output}-DATASET-NNN]"
        ),
        click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Interrupted run to continue."),
        *ENGINE_OPTIONS,
        click.option("--quiet", is_flag=True, help="Print only the result."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ]

    def decorator(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorator
