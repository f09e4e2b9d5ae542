"""Command ``graphkit recipes``."""

from importlib import resources

import click

from graphkit.screen import echo


@click.group(invoke_without_command=True, short_help="List recipes or print one.")
@click.pass_context
def recipes(ctx: click.Context) -> None:
    """List recipes with their expected scores, or print one.

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
    for name in recipe_names():
        recipe = yaml.load(_text(name), loader)
        echo(f"{name:<28} {recipe['title']}")
        for entry in recipe.get("expected", []):
            if entry["mean"] is None:
                echo(f"{'':<28} {entry['metric']}: {entry['note']}")
                continue
            spread = f" +- {entry['std']}" if entry.get("std") is not None else ""
            of = f"{entry['strategy']}, protocol {entry['protocol']}: " if "strategy" in entry else ""
            of = f"{entry['network']}: " if "network" in entry else of
            echo(f"{'':<28} {of}{entry['metric']} {entry['mean']}{spread} ({entry['source']})")


@recipes.command()
@click.argument("name")
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
