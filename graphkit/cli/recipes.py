"""Command ``graphkit recipes``."""

import json
from importlib import resources
from typing import Any

import click

from graphkit.cli.completion import complete_recipes
from graphkit.screen import echo, echo_table


@click.group(invoke_without_command=True, short_help="List recipes or print one.")
@click.option("--json", "as_json", is_flag=True, help="Print the recipes with all expected scores as JSON.")
@click.pass_context
def recipes(ctx: click.Context, as_json: bool) -> None:
    """List recipes with their expected scores, or print one.

    A recipe with several scores, such as those of strategies, has a line with their number.

    \b
    Examples:
      graphkit recipes
      graphkit recipes show factorgcn-cora
    """
    if ctx.invoked_subcommand is not None:
        return
    import yaml

    from graphkit.config.recipes import recipe_names

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, if PyYAML has libyaml
    rows = [{"name": name, **yaml.load(_text(name), loader)} for name in recipe_names()]
    if as_json:
        keys = ("name", "title", "expected", "note")
        echo(json.dumps([{key: row[key] for key in keys if key in row} for row in rows]))
        return
    cells = [(row["name"], _score(row.get("expected", [])), row["title"]) for row in rows]
    echo_table(cells)


def _score(expected: list[dict[str, Any]]) -> str:
    """Returns the expected score as text, or the number of scores."""
    scored = [entry for entry in expected if entry["mean"] is not None]
    if len({entry.get("strategy", entry.get("network")) for entry in scored}) > 1:
        return f"{len(scored)} scores"
    if not scored:
        return "not run" if expected else "-"
    first = scored[0]
    spread = "" if first.get("std") is None else f" +- {first['std']}"
    source = "" if first["source"] == "measured" else f" ({first['source']})"
    return f"{first['metric']} {first['mean']}{spread}{source}"


@recipes.command()
@click.argument("name", shell_complete=complete_recipes)
def show(name: str) -> None:
    """Print the recipe NAME as YAML, ready for --config.

    \b
    Example:
      graphkit recipes show factorgcn-cora
    """
    from graphkit.config.recipes import load_recipe

    load_recipe(name)  # raises an error for an unknown name
    echo(_text(name).rstrip())


def _text(name: str) -> str:
    """Returns the text of a recipe."""
    return resources.files("graphkit.config.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
