"""``graphkit train``."""

from typing import Any

import click


@click.command(short_help="Train a model on a data set.")
@click.option("--model", help="Model, see `graphkit models`. [factorgcn]")
@click.option("--dataset", help="Data set, see `graphkit datasets`, or a file or folder of your own. [factor-graphs]")
@click.option("--recipe", help="Settings to start from, see `graphkit recipes`, or none. [MODEL-DATASET if it exists]")
@click.option("--root", type=click.Path(), help="Folder of raw files. [$GRAPHKIT_DATA, else the cache folder]")
@click.option("--split", help="Shares of training, validation and test items, such as 0.6,0.2,0.2.")
@click.option("--split-seed", type=int, help="Seed that the split is drawn with. [0]")
@click.option("--stream", help="What a model of clips sees: joint, bone, joint-motion or bone-motion. [joint]")
@click.option("--epochs", type=int, help="Largest number of epochs.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--seed", type=int, help="First seed. [0]")
@click.option("--seeds", type=int, help="How many seeds, from --seed on; seed i takes the data set's i-th split. [1]")
@click.option("--batch-size", type=int, help="Graphs, nodes or clips in a batch. [see train.batch_size]")
@click.option("--device", help="auto, cpu, cuda or cuda:N. [auto]")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="YAML file of settings.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting, such as train.weight_decay=5e-4.")
@click.option("--output", type=click.Path(), help="Run folder, empty or new. [runs/MODEL-DATASET-NNN]")
@click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Continue an interrupted run.")
@click.option("--shard", metavar="I/N", help="Do part I of N, from 0; the others share --output. See docs/shards.md.")
@click.option("--quiet", is_flag=True, help="Show nothing but the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def train(ctx: click.Context, **options: Any) -> None:
    """Train a model on a data set and write a run folder.

    Settings come from the recipe, then --config, then --set and the other options. The epoch is chosen on validation
    data; the test score is computed once, after that. Ctrl-C leaves a run that --resume continues.

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
