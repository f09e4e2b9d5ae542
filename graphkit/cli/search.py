"""Command ``graphkit search``."""

from typing import Any

import click

from graphkit.cli.completion import complete_models
from graphkit.cli.training_options import training_options


@click.command(short_help="Search the settings of models, with the same number of trials each.")
@click.option(
    "--models",
    metavar="NAMES",
    shell_complete=complete_models,
    help="Models to compare, such as gcn,gat,spagan. [default: gcn]",
)
@click.option("--trials", type=int, help="Number of trials of each model. [default: 20]")
@click.option(
    "--space", type=click.Path(exists=True, dir_okay=False), help="YAML file with the domains of settings by model."
)
@click.option(
    "--split", help="Fractions of training, validation and test items (0.6,0.2,0.2); or random, scaffold or folds."
)
@training_options("cora", "", "search", "train.patience=50")
@click.pass_context
def search(ctx: click.Context, **options: Any) -> None:
    """Search the settings of models on validation items, and test the chosen ones.

    Every model has the same number of trials over its search space, with one seed. The
    settings with the best validation score are trained with --seeds other seeds, whose test scores are compared by
    paired tests. After Ctrl-C, --resume continues the search.

    \b
    Examples:
      graphkit search --models gcn,gat,spagan --dataset cora --trials 20 --seeds 5
      graphkit search --models gcn,gin --dataset my-graph/ --split 0.6,0.2,0.2 --jobs 4
      graphkit search --models gcn --dataset cora --space space.yaml --set train.patience=50
    """
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.cli.search_scores import describe, next_steps
    from graphkit.experiments import build_config, search_layer

    def configure() -> Any:
        names = (*KEYWORDS, "models", "trials", "space", "split")
        layer = search_layer(**{name: options[name] for name in names})
        return build_config("search", layer, file=options["config"], set=options["sets"])

    run_command(ctx, options, configure, describe, next_steps)
