"""The command ``graphkit``: finds the sub-command's file and turns a user's mistakes into one line."""

import importlib
import os
import sys
import time
from typing import Any

import click

from graphkit.errors import InputError
from graphkit.version import __version__

#: Command name -> the line that ``graphkit --help`` shows; the command itself is ``graphkit/cli/NAME.py``.
COMMANDS = {
    "train": "Train a model on a data set.",
    "distill": "Shrink a trained model, and tell whether a teacher helps.",
    "continual": "Learn the tasks of a stream one after the other.",
    "evaluate": "Compute the scores of a run again from its weights.",
    "predict": "Predict for a run's data set, or for new clips.",
    "compare": "Compare runs seed by seed.",
    "ensemble": "Add up the predictions of several runs.",
    "export": "Write a run's model as one ONNX or .pt2 file.",
    "report": "Write a run's report as one HTML file.",
    "paths": "Print the shortest paths of a node, and what attends to them.",
    "datasets": "List the data sets.",
    "models": "List the models.",
    "recipes": "List the recipes, or show one.",
    "doctor": "Say what is installed and which operators are in use.",
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, so that ``--help`` does not wait for PyTorch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Returns a command from its file."""
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"graphkit.cli.{name}"), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that was typed; offers the closest one if there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from graphkit.registry import unknown_name

            raise click.UsageError(str(unknown_name("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; a user's mistake becomes one line on standard error and exit code 2."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever reads the output, such as `head`, has seen enough: click ends quietly
            raise
        except click.UsageError:
            if os.environ.get("RANK", "0") != "0":  # the first of several processes says what is wrong
                time.sleep(5)
            raise
        except (InputError, OSError) as error:
            if os.environ.get("GRAPHKIT_TRACEBACK"):
                raise
            line = " ".join(str(error).split())
            if "TORCHELASTIC_ERROR_FILE" in os.environ:
                line = _as_one_of_several(error, line)
            click.echo(f"Error: {line}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("Error: stopped", err=True)
            ctx.exit(130)


def _as_one_of_several(error: Exception, line: str) -> str:
    """Tells ``torchrun`` of an error, for its summary, and returns the line to print."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        raise type(error)(line) from None  # the line alone, for where it came from is of no use to a person
    except Exception as plain:
        get_error_handler().record_exception(plain)
    process = os.environ.get("RANK", "0")
    if process == "0":
        return line
    time.sleep(5)  # all make the same mistake as a rule: this one is ended before it repeats what the first has said
    return f"(process {process}) {line}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="graphkit")
def main() -> None:
    """Graph learning on PyTorch Geometric: train, evaluate and explain.

    \b
    Example:
      graphkit train --model factorgcn --dataset factor-graphs --epochs 2

    GRAPHKIT_DATA names a folder of raw data files, GRAPHKIT_CACHE the folder for processed ones,
    GRAPHKIT_BACKEND=torch turns the native operators off, GRAPHKIT_TRACEBACK=1 shows where an error came from.
    """
    # Large results are slow to allocate with small pages; PyTorch reads this switch when it is first imported.
    if "torch" not in sys.modules:
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
        if "TORCHELASTIC_RUN_ID" in os.environ:  # or every process warns that some phases use all parameters
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
