"""Command ``graphkit models``."""

import json
import re
from typing import Any

import click

from graphkit.cli.completion import complete_models
from graphkit.registry import canonical_model, manifest, model_names, unknown_name
from graphkit.screen import echo, echo_table


@click.command(short_help="List models or the options of one.")
@click.argument("name", required=False, shell_complete=complete_models)
@click.option("--json", "as_json", is_flag=True, help="Print the summary and the options as JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List models, or the options of the model NAME with their defaults.

    \b
    Examples:
      graphkit models
      graphkit models factorgcn
    """
    listed, names = manifest().get("model", {}), model_names()
    if name is not None and canonical_model(name) not in names:
        raise unknown_name("model", canonical_model(name), names)
    chosen = names if name is None else [canonical_model(name)]
    rows = {key: listed.get(key) or describe(key) for key in chosen}
    if as_json:
        content = [{"name": key, "summary": row["summary"], "settings": row["settings"]} for key, row in rows.items()]
        echo(json.dumps(content if name is None else content[0]))
        return
    if name is None:
        echo_table([(key, row["summary"]) for key, row in rows.items()])
        return
    (row,) = rows.values()
    echo_table([(f"model.{option}", default) for option, default in row["settings"].items()])


def describe(name: str) -> dict[str, Any]:
    """Returns the docstring summary and the options of a model, with defaults as text."""
    from graphkit.nn.model_settings import model_options
    from graphkit.registry import get_model

    first, *_ = (get_model(name).__doc__ or "").strip().splitlines() or [""]
    summary = re.sub(r"`([^`<]+?)\s*<[^>]*>`_", r"\1", first).replace(":class:", "").replace("`", "")
    settings = {
        option: f"{list(setting.default) if isinstance(setting.default, tuple) else setting.default}"
        for option, setting in model_options(name).items()
    }
    return {"summary": summary, "settings": settings}
