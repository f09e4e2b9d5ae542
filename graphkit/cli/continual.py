"""Command ``graphkit continual``."""

from typing import Any

import click

from graphkit.cli.completion import complete_models, complete_strategies
from graphkit.cli.training_options import training_options
from graphkit.errors import InputError


@click.command(short_help="Train on a sequence of tasks (continual learning).")
@click.option("--strategy", shell_complete=complete_strategies, help="Continual learning strategy. [default: twp]")
@click.option(
    "--compare",
    metavar="NAMES",
    shell_complete=complete_strategies,
    help="Strategies to compare, such as twp,ewc,fine-tune, or all.",
)
@click.option("--model", shell_complete=complete_models, help="Model (see `graphkit models`). [default: gat]")
@click.option("--protocol", help="default, or published: shared output layer, Adam with L2 penalty. [default: default]")
@click.option("--classes-per-task", type=int, help="Number of classes, labels or assays per task. [default: 2]")
@click.option("--tasks", type=int, help="Number of tasks, instead of --classes-per-task.")
@click.option("--scenario", help="Scenario: task-, class- or time-incremental (task, class, time). [default: task]")
@click.option("--visible", help="Visible graph while training on a task: whole, so-far or task. [default: whole]")
@click.option("--no-inter-task-edges", is_flag=True, help="Remove edges between nodes of different tasks.")
@click.option(
    "--search", is_flag=True, help="Search the grid of each strategy first, on validation items of a separate seed."
)
@training_options("cora", "continual-DATASET", "continual", "strategies.twp.beta=0.1")
@click.pass_context
def continual(ctx: click.Context, **options: Any) -> None:
    """Train on a sequence of tasks and measure forgetting (continual learning).

    A data set is divided into tasks: groups of classes, labels or assays. The result contains the score on every task
    after training on every task. Settings are taken from the recipe, then --config, then --set and the other options.
    After Ctrl-C, --resume continues from the last completed task.

    \b
    Examples:
      graphkit continual --strategy twp --model gat --dataset sbm-continual
      graphkit continual --strategy twp --model gat --dataset cora --classes-per-task 2 --seeds 5
      graphkit continual --compare all --dataset citeseer --protocol published --search --seeds 5
      graphkit continual --compare twp,ewc --dataset sbm-continual --visible so-far --set strategies.twp.lambda_t=1
    """
    from graphkit.cli.continual_scores import describe, next_steps
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

    run_command(ctx, options, configure, describe, next_steps)
