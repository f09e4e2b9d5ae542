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
    from graphkit.cli.running import run_command
    from graphkit.experiments.distill import fit_distill, resume_distill

    run_command(ctx, options, fit_distill, resume_distill, _config, describe)


def _config(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of the command line over those of the file over those of the recipe."""
    from graphkit.config.schema import parse_setting, read_config
    from graphkit.experiments.distill import chosen_losses, merge_distill

    if options["loss"] is not None and options["compare"] is not None:
        raise InputError("--loss is for one loss and --compare for several; give one of them")
    given: dict[str, Any] = {key: options[key] for key in ("seed", "seeds", "device") if options[key] is not None}
    trained = options["teacher"] in (None, "train")
    if not trained:
        if options["teacher_model"] is not None:
            raise InputError("--teacher-model is for a teacher to train, and --teacher names one that was trained")
        given["teacher"] = {"run": options["teacher"]}
    elif options["teacher_model"] is not None:
        given["teacher"] = {"model": {"name": options["teacher_model"]}}
    if options["student"] is not None:
        given["student"] = {"model": {"name": options["student"]}}
    of_data = {"name": options["dataset"], "root": options["root"]}
    given["data"] = {name: value for name, value in of_data.items() if value is not None}
    parts = ("student", "teacher") if trained else ("student",)
    training = {name: options[name] for name in ("epochs", "lr", "batch_size") if options[name] is not None}
    given = merge_distill(given, {section: {"train": training} for section in parts if training})
    file = read_config(options["config"]) if options["config"] else {}
    config = merge_distill(file, *[parse_setting(text) for text in options["sets"]], given)
    base, recipe = _base(config, options["recipe"])
    merged = merge_distill(base, config, {"recipe": recipe})
    names = options["loss"] if options["compare"] is None else options["compare"]
    chosen = chosen_losses(names) if names is not None else list(config.get("losses") or {}) or ["lsp"]
    if unused := [name for name in config.get("losses") or {} if name not in chosen]:
        raise InputError(f"there are settings for '{unused[0]}', which is not among {', '.join(chosen)}; remove them")
    merged["losses"] = {name: dict((merged.get("losses") or {}).get(name) or {}) for name in chosen}
    _of_losses(merged["losses"], options)
    return merged


def _of_losses(losses: dict[str, dict[str, Any]], options: dict[str, Any]) -> None:
    """Puts the options that are about the losses in."""
    for name, settings in losses.items():
        for key in ("weight", "active_epochs"):
            if options[key] is not None:
                settings[key] = options[key]
        if options["layers"] is not None and (name != "kd" or len(losses) == 1):  # kd compares outputs
            settings["layers"] = options["layers"]
    if options["kernel"] is not None:
        if "lsp" not in losses:
            raise InputError(f"--kernel is for the loss lsp (got {', '.join(losses)}); leave it out")
        losses["lsp"]["kernel"] = options["kernel"]


def _base(given: dict[str, Any], recipe: str | None) -> tuple[dict[str, Any], str | None]:
    """Returns the settings to start from, and the name of the recipe that they are of.

    Without a recipe for distillation, those of teacher and student on the data set serve, if there are any.
    """
    from graphkit.config.recipes import distill_config, find_recipe, recipe_config
    from graphkit.experiments.distill import merge_distill
    from graphkit.settings import coerce

    has_teacher = given.get("teacher", {}).get("run") is not None
    dataset = str(given.get("data", {}).get("name", "cora"))
    if recipe is None and "recipe" in given:  # the configuration of an earlier run says which, or that there was none
        recipe = coerce("recipe", given["recipe"], str | None) or "none"
    if recipe is None:
        recipe = "none" if has_teacher else find_recipe("distill", dataset) or "none"
    if recipe != "none":
        base = distill_config(recipe)
        if given.get("data", {}).get("name", base["data"]["name"]) != base["data"]["name"]:
            raise InputError(f"the recipe '{recipe}' is for the data '{base['data']['name']}' (got '{dataset}')")
        if has_teacher:  # a teacher that is there brings its own settings and data
            base = {key: section for key, section in base.items() if key not in ("teacher", "data")}
        return base, recipe
    if has_teacher:
        return {}, None
    base = {"data": {"name": dataset}}
    for section in ("teacher", "student"):
        model = given.get(section, {}).get("model", {}).get("name", "gat" if section == "teacher" else None)
        name = find_recipe(model, dataset) if model is not None else None
        if name is not None:
            config = recipe_config(name)
            layer = {section: {key: config[key] for key in ("model", "train") if key in config}}
            base = merge_distill(base, layer, {"data": config["data"]} if section == "teacher" else {})
    return base, None
