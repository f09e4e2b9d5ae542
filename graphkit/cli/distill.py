"""Command ``graphkit distill``."""

from typing import Any

import click

from graphkit.errors import InputError


@click.command(short_help="Train a student model by knowledge distillation.")
@click.option("--teacher", help="Run folder of the teacher, or train. [default: train]")
@click.option("--teacher-model", help="Model of a teacher to train (see `graphkit models`). [default: gat]")
@click.option("--student", help="Model of the student. [default: the teacher's, with half the width]")
@click.option("--dataset", help="Data set (see `graphkit datasets`), or path of your data. [default: the teacher's]")
@click.option("--loss", help="Distillation loss: lsp, kd, fitnet, at, gsp or ickd. [default: lsp]")
@click.option("--compare", metavar="NAMES", help="Losses to compare, such as lsp,kd, or all; one student per loss.")
@click.option(
    "--layers", metavar="TEACHER:STUDENT", help="Pair of layers, such as conv2:conv3. [default: last hidden layers]"
)
@click.option("--weight", type=float, help="Weight of the loss. [default: depends on the loss]")
@click.option("--kernel", help="Kernel of lsp: rbf, linear, poly, euclidean or l1exp. [default: rbf]")
@click.option("--active-epochs", type=int, help="Number of first epochs with the loss. [default: all]")
@click.option("--recipe", help="Recipe (see `graphkit recipes`), or none. [default: distill-DATASET, if it exists]")
@click.option("--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]")
@click.option("--epochs", type=int, help="Maximum number of epochs of the student, and of a teacher to train.")
@click.option("--lr", type=float, help="Learning rate of the student, and of a teacher to train.")
@click.option("--seed", type=int, help="First random seed. [default: 0, or the teacher's]")
@click.option("--seeds", type=int, help="Number of seeds of each network, starting from --seed. [default: 1]")
@click.option(
    "--batch-size", type=int, help="Number of graphs, nodes or clips per batch. [default: see train.batch_size]"
)
@click.option("--device", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="YAML file with settings.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting, such as student.model.hidden_channels=16; repeatable.",
)
@click.option("--output", type=click.Path(), help="Run folder, new or empty. [default: runs/distill-DATASET-NNN]")
@click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Interrupted run to continue.")
@click.option("--shard", metavar="I/N", help="Run shard I of N, from 0; all shards share --output. See docs/shards.md.")
@click.option("--quiet", is_flag=True, help="Print only the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def distill(ctx: click.Context, **options: Any) -> None:
    """Train a student model by knowledge distillation, and without a teacher.

    The result contains the teacher, the student alone and one student per loss, with the same seeds and with epochs
    selected on validation items. Paired t-tests compare the students with the student alone. Settings are taken from
    the recipe, then --config, then --set and the other options. After Ctrl-C, --resume continues the run.

    \b
    Examples:
      graphkit distill --dataset cora
      graphkit distill --teacher runs/gat-cora-001 --student gat --loss lsp --layers conv1:conv1 --weight 10
      graphkit distill --teacher train --dataset cora --compare all --seeds 5
      graphkit distill --teacher runs/gat-cora-001 --student mlp --loss kd
    """
    from graphkit.cli.distill_scores import describe
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.experiments import build_config, chosen_losses, distill_layer, loss_layer

    def configure() -> Any:
        if options["loss"] is not None and options["compare"] is not None:
            raise InputError("--loss is for one loss and --compare for several; give one of them")
        names = options["loss"] if options["compare"] is None else options["compare"]
        layer = distill_layer(**{name: options[name] for name in (*KEYWORDS, "teacher", "teacher_model", "student")})
        of_losses = {name: options[name] for name in ("layers", "weight", "kernel", "active_epochs")}
        sources = {"recipe": options["recipe"], "file": options["config"], "set": options["sets"]}
        config: Any = build_config("distill", layer, names=names, **sources)
        if all(value is None for value in of_losses.values()):
            return config
        chosen = [*config.losses] if names is None else chosen_losses(names)
        return build_config("distill", layer, loss_layer(chosen, **of_losses), names=",".join(chosen), **sources)

    run_command(ctx, options, configure, describe)
