"""``graphkit datasets``."""

import click

from graphkit.screen import echo


@click.command(short_help="List the data sets.")
@click.argument("name", required=False)
@click.option("--root", type=click.Path(), help="Folder of raw files. [$GRAPHKIT_DATA, else the cache folder]")
def datasets(name: str | None, root: str | None) -> None:
    """List the data sets and whether their raw files are at hand, or the settings of the data set NAME.

    \b
    Examples:
      graphkit datasets
      graphkit datasets factor-graphs
    """
    from graphkit import data

    if name is not None:
        for option, default in data.options(name).items():
            echo(f"data.{option:<20} {default}")
        return
    for row in data.list_datasets(root):
        echo(f"{row.name:<16} {'here' if row.available else '-':<5} {row.task:<32} {row.origin}")
