"""Shared implementation of the training commands."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo

if TYPE_CHECKING:
    from graphkit.experiments import Engine

Result = dict[str, Any]

#: Options of the engine.
ENGINE = ("jobs", "on", "unit_cpus", "unit_gpus")
#: Options of all training commands.
KEYWORDS = ("dataset", "task", "target", "root", "epochs", "lr", "batch_size", "seed", "seeds", "device")


def run_command(
    ctx: click.Context,
    options: dict[str, Any],
    configure: Callable[[], Any],
    describe: Callable[[Result], str],
    next_steps: Callable[[Result], list[str]],
) -> None:
    """Runs a training command: start or resume, report, and output of the result.

    Handles ``--output``, ``--resume``, ``--jobs``, ``--on``, ``--device``, ``--log``, ``--quiet`` and ``--json``.

    Args:
        ctx (click.Context): Context of the command.
        options (dict): Options of the command.
        configure (callable): Builds the configuration.
        describe (callable): Formats the result as text.
        next_steps (callable): Returns the commands that usually follow, which are printed without ``--quiet``.
    """
    from graphkit.distributed.communicator import rank
    from graphkit.experiments import Interrupted, TensorBoardCallback, make_progress, resume, run

    progress = make_progress(options["quiet"] or rank() > 0)
    callbacks = [TensorBoardCallback()] if options.get("log") else []
    try:
        if options["run"] is not None:
            only_resume(ctx)
            done = resume(
                options["run"], progress, options["device"], ctx.info_name, callbacks, engine=engine_of(options)
            )
        else:
            engine = engine_of(options)
            done = run(configure(), options["output"], progress, callbacks=callbacks, engine=engine)
    except Interrupted as stop:
        folder = options["run"] or stop.folder
        engine_text = "" if engine_of(options).is_inline else f" {engine_of(options)}"
        if rank() == 0:
            echo(f"{stop}; continue with: graphkit {ctx.info_name} --resume {folder}{engine_text}", err=True)
        ctx.exit(130)
    if rank() > 0:  # rank 0 writes and prints everything
        return
    unseen = write_report(done.result["run"])
    if options["as_json"]:
        echo(json.dumps(done.result))
    else:
        echo("\n".join([describe(done.result), *([] if options["quiet"] else next_steps(done.result))]))
    if unseen and not options["quiet"]:
        echo(unseen, err=True)


def engine_of(options: dict[str, Any]) -> "Engine":
    """Returns the engine of the options of a command."""
    from graphkit.experiments import Engine

    return Engine(
        1 if options["jobs"] is None else options["jobs"], options["on"], options["unit_cpus"], options["unit_gpus"]
    )


def write_report(run: str) -> str:
    """Writes the report of a run; returns an error message instead of failing the run."""
    try:
        from graphkit.report import report

        report(run)
    except (InputError, ImportError, OSError) as error:
        return f"no report was written: {error}"
    return ""


def only_resume(ctx: click.Context) -> None:
    """Raises an error for settings given with ``--resume``."""
    allowed = ("run", "device", *ENGINE, "log", "quiet", "as_json")
    for name in ctx.params:
        if name not in allowed and ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            option = {"sets": "set"}.get(name, name).replace("_", "-")
            raise InputError(f"--{option} cannot be given with --resume: a run goes on with its own settings")
