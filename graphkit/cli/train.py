"""Command ``graphkit train``."""

from typing import Any

import click


@click.command(short_help="Train a model on a data set.")
@click.option("--model", help="Model (see `graphkit models`). [default: factorgcn]")
@click.option("--dataset", help="Data set (see `graphkit datasets`), or path of your data. [default: factor-graphs]")
@click.option("--recipe", help="Recipe (see `graphkit recipes`), or none. [default: MODEL-DATASET, if it exists]")
@click.option("--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]")
@click.option("--split", help="Fractions of training, validation and test items, such as 0.6,0.2,0.2.")
@click.option("--split-seed", type=int, help="Random seed of the split. [default: 0]")
@click.option("--stream", help="Input stream of clips: joint, bone, joint-motion or bone-motion. [default: joint]")
@click.option("--epochs", type=int, help="Maximum number of epochs.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--seed", type=int, help="First random seed. [default: 0]")
@click.option("--seeds", type=int, help="Number of seeds, starting from --seed; each has its own split. [default: 1]")
@click.option(
    "--batch-size", type=int, help="Number of graphs, nodes or clips per batch. [default: see train.batch_size]"
)
@click.option("--device", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="YAML file with settings.")
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Setting, such as train.weight_decay=5e-4; repeatable."
)
@click.option("--output", type=click.Path(), help="Run folder, new or empty. [default: runs/MODEL-DATASET-NNN]")
@click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Interrupted run to continue.")
@click.option("--shard", metavar="I/N", help="Run shard I of N, from 0; all shards share --output. See docs/shards.md.")
@click.option("--quiet", is_flag=True, help="Print only the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
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
    """
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.cli.scores import describe
    from graphkit.experiments import build_config, train_layer

    def configure() -> Any:
        layer = train_layer(**{name: options[name] for name in (*KEYWORDS, "model", "split", "split_seed", "stream")})
        return build_config("train", layer, recipe=options["recipe"], file=options["config"], set=options["sets"])

    run_command(ctx, options, configure, describe)
