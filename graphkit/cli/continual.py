"""``graphkit continual``."""

from typing import Any

import click

from graphkit.errors import InputError


@click.command(short_help="Learn the tasks of a stream one after the other.")
@click.option("--strategy", help="Strategy against forgetting. [twp]")
@click.option("--compare", metavar="NAMES", help="Several strategies, such as twp,ewc,fine-tune, or all.")
@click.option("--model", help="Model, see `graphkit models`. [gat]")
@click.option("--dataset", help="Data set, see `graphkit datasets`, or a file or folder of your own. [cora]")
@click.option("--recipe", help="Settings to start from, see `graphkit recipes`, or none. [continual-DATASET, if any]")
@click.option("--protocol", help="default, or published: one output layer for all, Adam with coupled decay. [default]")
@click.option("--classes-per-task", type=int, help="Classes, labels or assays of each task. [2]")
@click.option("--tasks", type=int, help="Number of tasks, in the place of --classes-per-task.")
@click.option("--scenario", help="task, class or time: what is known, or comes, at test time. [task]")
@click.option("--visible", help="whole, so-far or task: what of the graph is seen while a task is learned. [whole]")
@click.option("--no-inter-task-edges", is_flag=True, help="Take out edges between nodes of different tasks.")
@click.option("--root", type=click.Path(), help="Folder of raw files. [$GRAPHKIT_DATA, else the cache folder]")
@click.option("--epochs", type=int, help="Largest number of epochs of each task.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--search", is_flag=True, help="Try each strategy's grid first, with a seed of its own, on validation.")
@click.option("--seed", type=int, help="First seed. [0]")
@click.option("--seeds", type=int, help="How many seeds, from --seed on; each has a split of its own. [1]")
@click.option("--batch-size", type=int, help="Graphs, nodes or clips in a batch. [see train.batch_size]")
@click.option("--device", help="auto, cpu, cuda or cuda:N. [auto]")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="YAML file of settings.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting, such as strategies.twp.beta=0.1.")
@click.option("--output", type=click.Path(), help="Run folder, empty or new. [runs/continual-DATASET-NNN]")
@click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Continue an interrupted run.")
@click.option("--shard", metavar="I/N", help="Do part I of N, from 0; the others share --output. See docs/shards.md.")
@click.option("--quiet", is_flag=True, help="Show nothing but the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def continual(ctx: click.Context, **options: Any) -> None:
    """Learn the tasks of a stream one after the other, and tell what was forgotten.

    A data set is cut into tasks: groups of classes, of labels or of assays. The result is the score on every task after
    every task. Settings come from the recipe, then --config, then --set and the other options. Ctrl-C leaves a run
    that --resume continues after the last whole task.

    \b
    Examples:
      graphkit continual --strategy twp --model gat --dataset sbm-continual
      graphkit continual --strategy twp --model gat --dataset cora --classes-per-task 2 --seeds 5
      graphkit continual --compare all --dataset citeseer --protocol published --search --seeds 5
      graphkit continual --compare twp,ewc --dataset sbm-continual --visible so-far --set strategies.twp.lambda_t=1
    """
    from graphkit.cli.continual_scores import describe
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.experiments import build_config, continual_layer

    def configure() -> Any:
        if options["strategy"] is not None and options["compare"] is not None:
            raise InputError("--strategy is for one strategy and --compare for several; give one of them")
        of_stream = ("classes_per_task", "tasks", "scenario", "visible", "protocol", "model")
        layer = continual_layer(
            **{name: options[name] for name in (*KEYWORDS, *of_stream)},
            inter_task_edges=False if options["no_inter_task_edges"] else None,
            search=options["search"] or None,
        )
        names = options["strategy"] if options["compare"] is None else options["compare"]
        sources = {"recipe": options["recipe"], "file": options["config"], "set": options["sets"]}
        return build_config("continual", layer, names=names, **sources)

    run_command(ctx, options, configure, describe)
