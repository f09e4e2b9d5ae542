"""The command ``graphkit``: finds the sub-command's file and turns a user's mistakes into one line."""

import importlib
import os
import sys
import time
from typing import Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo, printable
from graphkit.version import __version__

#: Characters of the longest line for a mistake.
LONGEST = 1000

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

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Reads the arguments; a wrong one is one line, see :class:`Mistake`."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise Mistake.of_usage(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; a user's mistake becomes one line on standard error and exit code 2."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever reads the output, such as `head`, has seen enough: click ends quietly
            raise
        except click.UsageError as error:
            if os.environ.get("RANK", "0") != "0":  # the first of several processes says what is wrong
                time.sleep(5)
            raise Mistake.of_usage(error) from None
        except (InputError, OSError) as error:
            if os.environ.get("GRAPHKIT_TRACEBACK"):
                raise
            line = " ".join(_message(error).split())
            if "TORCHELASTIC_ERROR_FILE" in os.environ:
                line = _as_one_of_several(error, line)
            raise Mistake(line) from None
        except KeyboardInterrupt:
            echo("Error: stopped", err=True)
            ctx.exit(130)


class Mistake(click.ClickException):
    """A mistake of the user: one line on standard error, exit code 2."""

    exit_code = 2

    @classmethod
    def of_usage(cls, error: click.UsageError) -> click.ClickException:
        """Returns the error for wrong arguments, with the command that explains them; help stays as it is."""
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            return error
        command = error.ctx.command_path if error.ctx is not None else "graphkit"
        return cls(f"{' '.join(error.format_message().split()).rstrip('.')}; see {command} --help")

    def show(self, file: Any = None) -> None:
        """Prints the line."""
        line = self.message if len(self.message) <= LONGEST else f"{self.message[:LONGEST]}..."
        echo(f"Error: {printable(line)}", err=True)


def _message(error: Exception) -> str:
    """Returns what an error says; of the operating system's, the file and what is wrong with it."""
    if type(error).__str__ is OSError.__str__ and isinstance(error, OSError) and error.strerror:
        names = [name for name in (error.filename, error.filename2) if name is not None]
        return f"{' and '.join(map(repr, names))}: {error.strerror}" if names else error.strerror
    return str(error)


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
