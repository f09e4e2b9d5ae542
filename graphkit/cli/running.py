"""Shared implementation of the training commands."""

import json
from collections.abc import Callable
from typing import Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo

Result = dict[str, Any]


#: Options of all training commands.
KEYWORDS = ("dataset", "task", "target", "root", "epochs", "lr", "batch_size", "seed", "seeds", "device")


def run_command(
    ctx: click.Context,
    options: dict[str, Any],
    configure: Callable[[], Any],
    describe: Callable[[Result], str],
) -> None:
    """Runs a training command: start or resume, report, and output of the result.

    Handles ``--output``, ``--resume``, ``--shard``, ``--device``, ``--log``, ``--quiet`` and ``--json``.

    Args:
        ctx (click.Context): Context of the command.
        options (dict): Options of the command.
        configure (callable): Builds the configuration.
        describe (callable): Formats the result as text.
    """
    from graphkit.distributed.communicator import rank
    from graphkit.experiments import Interrupted, TensorBoardCallback, make_progress, resume, run

    progress = make_progress(options["quiet"] or rank() > 0)
    callbacks = [TensorBoardCallback()] if options.get("log") else []
    try:
        if options["run"] is not None:
            only_resume(ctx)
            done = resume(options["run"], progress, options["device"], options["shard"], ctx.info_name, callbacks)
        else:
            done = run(configure(), options["output"], progress, options["shard"], callbacks=callbacks)
    except Interrupted as stop:
        folder = options["run"] or (options["output"] if options["shard"] else stop.folder)
        shard = f" --shard {options['shard']}" if options["shard"] else ""
        if rank() == 0:
            echo(f"{stop}; continue with: graphkit {ctx.info_name} --resume {folder}{shard}", err=True)
        ctx.exit(130)
    if rank() > 0:  # rank 0 writes and prints everything
        return
    if done.shard is not None:
        echo(json.dumps(done.shard) if options["as_json"] else describe_share(done.shard))
        return
    unseen = write_report(done.result["run"])
    echo(json.dumps(done.result) if options["as_json"] else describe(done.result))
    if unseen and not options["quiet"]:
        echo(unseen, err=True)


def describe_share(result: Result) -> str:
    """Returns the completed and the remaining units of a shard as text."""
    by_shard: dict[str, list[str]] = {}
    for unit, shard in result["left"].items():
        by_shard.setdefault(shard, []).append(unit)
    count = len(result["done"])
    lines = [
        f"shard {result['shard']}: {', '.join(result['did']) or 'nothing'} done now, {count} of "
        f"{count + len(result['left'])} done by all; the last one to end merges the result"
    ]
    lines += [f"  left to --shard {shard}: {', '.join(units)}" for shard, units in sorted(by_shard.items())]
    return "\n".join([*lines, f"run folder: {result['run']}"])


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
    allowed = ("run", "device", "shard", "log", "quiet", "as_json")
    for name in ctx.params:
        if name not in allowed and ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            option = {"sets": "set"}.get(name, name).replace("_", "-")
            raise InputError(f"--{option} cannot be given with --resume: a run goes on with its own settings")
