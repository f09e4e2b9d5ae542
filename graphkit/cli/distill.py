"""Command ``graphkit distill``."""

from typing import Any

import click

from graphkit.cli.completion import complete_losses, complete_models
from graphkit.cli.training_options import training_options
from graphkit.errors import InputError


@click.command(short_help="Train a student model by knowledge distillation.")
@click.option("--teacher", help="Run folder of the teacher, or train. [default: train]")
@click.option(
    "--teacher-model",
    shell_complete=complete_models,
    help="Model of a teacher to train (see `graphkit models`). [default: gat]",
)
@click.option(
    "--student",
    shell_complete=complete_models,
    help="Model of the student. [default: the teacher's, with half the width]",
)
@click.option(
    "--loss", shell_complete=complete_losses, help="Distillation loss: lsp, kd, fitnet, at, gsp or ickd. [default: lsp]"
)
@click.option(
    "--compare",
    metavar="NAMES",
    shell_complete=complete_losses,
    help="Losses to compare, such as lsp,kd, or all; one student per loss.",
)
@click.option(
    "--layers", metavar="TEACHER:STUDENT", help="Pair of layers, such as conv2:conv3. [default: last hidden layers]"
)
@click.option("--weight", type=float, help="Weight of the loss. [default: depends on the loss]")
@click.option("--kernel", help="Kernel of lsp: rbf, linear, poly, euclidean or l1exp. [default: rbf]")
@click.option("--active-epochs", type=int, help="Number of first epochs with the loss. [default: all]")
@training_options(
    "the teacher's", "distill-DATASET", "distill", "student.model.hidden_channels=16", "0, or the teacher's"
)
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
    from graphkit.cli.distill_scores import describe, next_steps
    from graphkit.cli.running import KEYWORDS, run_command
    from graphkit.experiments import build_config, distill_layer

    def configure() -> Any:
        if options["loss"] is not None and options["compare"] is not None:
            raise InputError("--loss is for one loss and --compare for several; give one of them")
        names = options["loss"] if options["compare"] is None else options["compare"]
        layer = distill_layer(**{name: options[name] for name in (*KEYWORDS, "teacher", "teacher_model", "student")})
        of_losses = {name: options[name] for name in ("layers", "weight", "kernel", "active_epochs")}
        sources = {"recipe": options["recipe"], "file": options["config"], "set": options["sets"]}
        return build_config("distill", layer, names=names, loss_options=of_losses, **sources)

    run_command(ctx, options, configure, describe, next_steps)
