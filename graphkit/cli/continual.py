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
    from graphkit.cli.running import run_command
    from graphkit.experiments.continual import fit_continual, resume_continual

    run_command(ctx, options, fit_continual, resume_continual, _config, describe)


def _config(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of the command line over those of the file over those of the recipe."""
    from graphkit.config.recipes import continual_config, find_recipe
    from graphkit.config.schema import parse_setting, read_config
    from graphkit.continual.settings import chosen
    from graphkit.experiments.continual import merge_continual
    from graphkit.settings import coerce

    parts = {
        "model": {"name": options["model"]},
        "data": {"name": options["dataset"], "root": options["root"]},
        "stream": {
            "per_task": options["classes_per_task"],
            "tasks": options["tasks"],
            "scenario": options["scenario"],
            "visible": options["visible"],
            "inter_task_edges": False if options["no_inter_task_edges"] else None,
        },
        "train": {name: options[name] for name in ("epochs", "lr", "batch_size")},
    }
    given: dict[str, Any] = {
        section: {name: value for name, value in values.items() if value is not None}
        for section, values in parts.items()
    }
    given |= {key: options[key] for key in ("seed", "seeds", "device", "protocol") if options[key] is not None}
    if options["search"]:
        given["search"] = True
    file = read_config(options["config"]) if options["config"] else {}
    config = merge_continual(file, *[parse_setting(text) for text in options["sets"]], given)
    if options["strategy"] is not None and options["compare"] is not None:
        raise InputError("--strategy is for one strategy and --compare for several; give one of them")
    asked = options["strategy"] if options["compare"] is None else options["compare"]
    names = chosen(asked) if asked is not None else list(config.get("strategies", {})) or ["twp"]
    recipe = options["recipe"]
    if recipe is None and "recipe" in config:  # the configuration of an earlier run says which, or that there was none
        recipe = coerce("recipe", config["recipe"], str | None) or "none"
    if recipe is None:
        recipe = find_recipe("continual", str(config["data"].get("name", "cora"))) or "none"
    base = {} if recipe == "none" else continual_config(recipe, str(config.get("protocol", "default")))
    if recipe != "none" and config["data"].get("name", base["data"]["name"]) != base["data"]["name"]:
        name = config["data"]["name"]
        raise InputError(f"the recipe '{recipe}' is for the data '{base['data']['name']}' (got '{name}')")
    model = config["model"].get("name")
    if "model" in base and model not in (None, base["model"].get("name")):
        base = {
            key: section for key, section in base.items() if key != "model"
        }  # its settings are those of another model
    merged = merge_continual(base, config, {"recipe": None if recipe == "none" else recipe})
    strategies = merged.get("strategies", {})
    if unused := [name for name in config.get("strategies", {}) if name not in names]:
        raise InputError(f"there are settings for '{unused[0]}', which is not among {', '.join(names)}; remove them")
    return {**merged, "strategies": {name: strategies.get(name, {}) for name in names}}
