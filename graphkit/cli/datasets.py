"""Command ``graphkit datasets``."""

import json
from typing import Any
from urllib.parse import urlsplit

import click

from graphkit.cli.completion import complete_datasets
from graphkit.errors import InputError
from graphkit.registry import dataset_names, manifest
from graphkit.screen import echo, echo_table


@click.command(short_help="List data sets or the options of one.")
@click.argument("name", required=False, shell_complete=complete_datasets)
@click.option("--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]")
@click.option("--json", "as_json", is_flag=True, help="Print origin, license, citation, size and checksums as JSON.")
def datasets(name: str | None, root: str | None, as_json: bool) -> None:
    """List data sets and whether their raw files are present, or the options of NAME.

    The columns are name, presence of the raw files, task and origin. With --json, print where data sets come from:
    address, license, citation, size and checksums of the files.

    \b
    Examples:
      graphkit datasets
      graphkit datasets factor-graphs
      graphkit datasets cora --json
    """
    from graphkit import data

    if as_json and name is not None and data.is_path(name):
        raise InputError(f"expected the name of a data set with --json, got the path {name!r}; leave out --json")
    if as_json:
        rows = [data.describe_dataset(key, root) for key in (dataset_names() if name is None else [name])]
        echo(json.dumps(rows if name is None else {**rows[0], "options": settings(rows[0]["name"])}))
        return
    if name is None:
        listed = data.list_datasets(root)
        present = ["here" if row.available else "-" for row in listed]
        echo_table([(row.name, here, row.task, _origin(row.origin)) for row, here in zip(listed, present, strict=True)])
        return
    if not data.is_path(name):
        name = data.describe_dataset(name, root)["name"]
    echo_table([(f"data.{option}", default) for option, default in settings(name).items()])


def _origin(text: str) -> str:
    """Returns the host of an address, or the first words of another origin."""
    host = urlsplit(text.split()[0]).netloc
    return host + (" (on request)" if "(on request)" in text else "") if host else text.partition(":")[0]


def settings(name: str) -> dict[str, str]:
    """Returns options and defaults as text, without imports for a listed data set."""
    listed = manifest().get("data set", {})
    return (listed[name] if name in listed else describe(name))["settings"]


def describe(name: str) -> dict[str, Any]:
    """Returns the options of a data set, or of a user's file, with defaults as text."""
    from graphkit import data

    return {"settings": {option: f"{default}" for option, default in data.options(name).items()}}
