"""What the commands that train have in common: begin or go on, stop at Ctrl-C, write the report, print the result."""

import json
from collections.abc import Callable
from typing import Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo

Result = dict[str, Any]


#: Options that every command that trains has.
KEYWORDS = ("dataset", "root", "epochs", "lr", "batch_size", "seed", "seeds", "device")


def run_command(
    ctx: click.Context,
    options: dict[str, Any],
    configure: Callable[[], Any],
    describe: Callable[[Result], str],
) -> None:
    """Carries out a command with ``--output``, ``--resume``, ``--shard``, ``--device``, ``--quiet`` and ``--json``.

    Args:
        ctx: The command.
        options: Its options.
        configure: Builds the configuration.
        describe: Returns the text for a person of the result.
    """
    from graphkit.distributed.communicator import rank
    from graphkit.experiments import Interrupted, make_progress, resume, run

    progress = make_progress(options["quiet"] or rank() > 0)
    try:
        if options["run"] is not None:
            only_resume(ctx)
            done = resume(options["run"], progress, options["device"], options["shard"], ctx.info_name)
        else:
            done = run(configure(), options["output"], progress, options["shard"])
    except Interrupted as stop:
        folder = options["run"] or (options["output"] if options["shard"] else stop.folder)
        part = f" --shard {options['shard']}" if options["shard"] else ""
        if rank() == 0:
            echo(f"{stop}; continue with: graphkit {ctx.info_name} --resume {folder}{part}", err=True)
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
    """Returns what a shard has done, and what is left to others."""
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
    """Writes the report of a run; returns why where that cannot be done, since the training itself has succeeded."""
    try:
        from graphkit.report import report

        report(run)
    except (InputError, ImportError, OSError) as error:
        return f"no report was written: {error}"
    return ""


def only_resume(ctx: click.Context) -> None:
    """Refuses settings beside ``--resume``: a run goes on as it was begun."""
    allowed = ("run", "device", "shard", "quiet", "as_json")
    for name in ctx.params:
        if name not in allowed and ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            option = {"sets": "set"}.get(name, name).replace("_", "-")
            raise InputError(f"--{option} cannot be given with --resume: a run goes on with its own settings")
