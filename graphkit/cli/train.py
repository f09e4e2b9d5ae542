"""Command ``graphkit train``."""

from typing import Any

import click

from graphkit.cli.completion import complete_models
from graphkit.cli.training_options import training_options


@click.command(short_help="Train a model on a data set.")
@click.option("--model", shell_complete=complete_models, help="Model (see `graphkit models`). [default: factorgcn]")
@click.option(
    "--split", help="Fractions of training, validation and test items (0.6,0.2,0.2); or random, scaffold or folds."
)
@click.option("--split-seed", type=int, help="Random seed of the split. [default: 0]")
@click.option("--stream", help="Input stream of clips: joint, bone, joint-motion or bone-motion. [default: joint]")
@click.option("--smiles", help="Column of SMILES strings in a table of your molecules.")
@click.option("--metric", help="Metric that selects the epoch and is reported. [default: that of the data set]")
@click.option("--log", type=click.Choice(["tensorboard"]), help="Write the curves for a tracker into the run folder.")
@training_options("factor-graphs", "MODEL-DATASET", "MODEL", "train.weight_decay=5e-4")
@click.pass_context
def train(ctx: click.Context, **options: Any) -> None:
    """Train a model on a data set and write a run folder.

    Settings are taken from the recipe, then --config, then --set and the other options. The epoch is selected on
    validation items; test scores are computed once, afterwards. After Ctrl-C, --resume continues the run.

    \b
    Examples:
      graphkit train
      graphkit train --model gcn --dataset karate --seeds 3
      graphkit train --model factorgcn --dataset cora --seeds 10 --set train.patience=50
      graphkit train --model stigcn --dataset nw-ucla --stream bone
      graphkit train --model gcn --dataset my-graph/ --split 0.6,0.2,0.2
      graphkit train --model gcn --dataset my-graph/ --task regression --target price
    """
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.cli.scores import describe, next_steps
    from graphkit.experiments import build_config, train_layer

    def configure() -> Any:
        of_train = ("model", "split", "split_seed", "stream", "smiles", "metric")
        layer = train_layer(**{name: options[name] for name in (*KEYWORDS, *of_train)})
        return build_config("train", layer, recipe=options["recipe"], file=options["config"], set=options["sets"])

    run_command(ctx, options, configure, describe, next_steps)
