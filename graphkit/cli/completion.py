"""Shell completion of the names of models, data sets and recipes."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from graphkit.registry import dataset_names, loss_names, model_names, strategy_names

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _recipes() -> list[str]:
    from graphkit.config.recipes import recipe_names

    return [*recipe_names(), "none"]


def _completes(names: Callable[[], Iterable[str]], or_path: bool = False) -> Complete:
    """Returns a completion of names and lists of names, or of paths if none matches."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        plain = last.lower().replace("_", "-")
        items = [CompletionItem(f"{before}{comma}{name}") for name in sorted(names()) if name.startswith(plain)]
        return items or ([CompletionItem(incomplete, type="file")] if or_path else [])

    return complete


complete_models = _completes(model_names)
complete_datasets = _completes(dataset_names, or_path=True)
complete_recipes = _completes(_recipes)
complete_losses = _completes(lambda: [*loss_names(), "all"])
complete_strategies = _completes(lambda: [*strategy_names(), "all"])
