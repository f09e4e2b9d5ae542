"""``graphkit models``."""

import click

from graphkit.screen import echo


@click.command(short_help="List the models.")
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or the settings of the model NAME with their defaults.

    \b
    Examples:
      graphkit models
      graphkit models factorgcn
    """
    from graphkit.config.schema import model_options
    from graphkit.registry import get_model, model_names

    if name is None:
        for model_name in model_names():
            first = (get_model(model_name).__doc__ or "").strip().splitlines()[0]
            echo(f"{model_name:<12} {_plain(first)}")
        return
    for option, default in model_options(name).items():
        echo(f"model.{option:<20} {default if not isinstance(default, tuple) else list(default)}")


def _plain(line: str) -> str:
    """Returns a line of a docstring without its markup."""
    import re

    return re.sub(r"`([^`<]+?)\s*<[^>]*>`_", r"\1", line).replace(":class:", "").replace("`", "")
