"""Command ``graphkit datasets``."""

from typing import Any

import click

from graphkit.registry import canonical_dataset, dataset_names, manifest, unknown_name
from graphkit.screen import echo


@click.command(short_help="List data sets or the options of one.")
@click.argument("name", required=False)
@click.option("--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]")
def datasets(name: str | None, root: str | None) -> None:
    """List data sets and whether their raw files are present, or the options of NAME.

    \b
    Examples:
      graphkit datasets
      graphkit datasets factor-graphs
    """
    from graphkit import data

    if name is None:
        for row in data.list_datasets(root):
            echo(f"{row.name:<16} {'here' if row.available else '-':<5} {row.task:<32} {row.origin}")
        return
    listed: dict[str, Any] = {}
    if not data.is_path(name):
        listed, names, name = manifest().get("data set", {}), dataset_names(), canonical_dataset(name)
        if name not in names:
            raise unknown_name("data set", name, names)
    for option, default in (listed.get(name) or describe(name))["settings"].items():
        echo(f"data.{option:<20} {default}")


def describe(name: str) -> dict[str, Any]:
    """Returns the options of a data set, or of a user's file, with defaults as text."""
    from graphkit import data

    return {"settings": {option: f"{default}" for option, default in data.options(name).items()}}
