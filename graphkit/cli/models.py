"""Command ``graphkit models``."""

import re
from typing import Any

import click

from graphkit.registry import canonical_model, manifest, model_names, unknown_name
from graphkit.screen import echo


@click.command(short_help="List models or the options of one.")
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List models, or the options of the model NAME with their defaults.

    \b
    Examples:
      graphkit models
      graphkit models factorgcn
    """
    listed, names = manifest().get("model", {}), model_names()
    if name is None:
        for model_name in names:
            row = listed.get(model_name) or describe(model_name)
            echo(f"{model_name:<12} {row['summary']}")
        return
    key = canonical_model(name)
    if key not in names:
        raise unknown_name("model", key, names)
    row = listed.get(key) or describe(key)
    for option, default in row["settings"].items():
        echo(f"model.{option:<20} {default}")


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
