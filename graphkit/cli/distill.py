"""``graphkit distill``."""

from typing import Any

import click

from graphkit.errors import InputError


@click.command(short_help="Shrink a trained model, and tell whether a teacher helps.")
@click.option("--teacher", help="Run folder of the teacher, or train. [train]")
@click.option("--teacher-model", help="Model of a teacher to train, see `graphkit models`. [gat]")
@click.option("--student", help="Model of the student. [that of the teacher, of half the width]")
@click.option("--dataset", help="Data set, see `graphkit datasets`, or a file or folder of your own. [the teacher's]")
@click.option("--loss", help="lsp, kd, fitnet, at, gsp or ickd. [lsp]")
@click.option("--compare", metavar="NAMES", help="Several losses, such as lsp,kd, or all; each has its own student.")
@click.option("--layers", metavar="TEACHER:STUDENT", help="Layers to compare, such as conv2:conv3. [last hidden ones]")
@click.option("--weight", type=float, help="Weight of the loss. [that of its kind]")
@click.option("--kernel", help="Of lsp: rbf, linear, poly, euclidean or l1exp. [rbf]")
@click.option("--active-epochs", type=int, help="Epochs, from the first, in which the loss counts. [all]")
@click.option("--recipe", help="Settings to start from, see `graphkit recipes`, or none. [distill-DATASET, if any]")
@click.option("--root", type=click.Path(), help="Folder of raw files. [$GRAPHKIT_DATA, else the cache folder]")
@click.option("--epochs", type=int, help="Largest number of epochs, of the student and of a teacher to train.")
@click.option("--lr", type=float, help="Learning rate, of the student and of a teacher to train.")
@click.option("--seed", type=int, help="First seed. [0, or the teacher's]")
@click.option("--seeds", type=int, help="How many seeds, from --seed on, for each network. [1]")
@click.option("--batch-size", type=int, help="Graphs, nodes or clips in a batch. [see train.batch_size]")
@click.option("--device", help="auto, cpu, cuda or cuda:N. [auto]")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="YAML file of settings.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Such as student.model.hidden_channels=16.")
@click.option("--output", type=click.Path(), help="Folder, empty or new. [runs/distill-DATASET-NNN]")
@click.option("--resume", "run", type=click.Path(), metavar="RUN", help="Continue what was interrupted.")
@click.option("--shard", metavar="I/N", help="Do part I of N, from 0; the others share --output. See docs/shards.md.")
@click.option("--quiet", is_flag=True, help="Show nothing but the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.pass_context
def distill(ctx: click.Context, **options: Any) -> None:
    """Train a small student after a large teacher, and the same student alone.

    The result lists teacher, student alone and a student for each loss, all with the same seeds and the epoch chosen on
    validation items, and tests whether the teacher made a difference. Settings come from the recipe, then --config,
    then --set and the other options. Ctrl-C leaves a folder that --resume continues.

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
