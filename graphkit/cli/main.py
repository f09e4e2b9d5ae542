"""Command group ``graphkit``: lazy import of commands, and one-line errors."""

import importlib
import os
import sys
import time
import warnings
from typing import Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo, printable, showing_notes
from graphkit.version import __version__

#: Length limit of an error message.
LONGEST = 1000

#: Short help of each command NAME, which is defined in ``graphkit/cli/NAME.py``.
COMMANDS = {
    "train": "Train a model on a data set.",
    "distill": "Train a student model by knowledge distillation.",
    "continual": "Train on a sequence of tasks (continual learning).",
    "search": "Search the settings of models, with the same number of trials each.",
    "evaluate": "Evaluate a run from its saved weights.",
    "predict": "Write predictions for the data set of a run, or for new clips.",
    "compare": "Compare runs with paired t-tests.",
    "ensemble": "Evaluate the weighted mean of the predictions of several runs.",
    "export": "Export the model of a run to ONNX or .pt2.",
    "report": "Write an HTML report of each run.",
    "paths": "Print the shortest paths and the path attention of a node.",
    "datasets": "List data sets or the options of one.",
    "models": "List models or the options of one.",
    "recipes": "List recipes or print one.",
    "doctor": "Print installed versions, devices and operator backends.",
}


class LazyGroup(click.Group):
    """Command group with lazy imports, so that ``--help`` does not import PyTorch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands in order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Imports a command."""
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"graphkit.cli.{name}"), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolves a command name; an error suggests the closest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from graphkit.registry import unknown_name

            raise click.UsageError(str(unknown_name("command", args[0], COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parses the arguments; usage errors are one line, see :class:`Mistake`."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise Mistake.of_usage(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; user errors become one line on standard error and exit code 2."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, such as `head`, has closed the pipe: click exits silently
            raise
        except click.UsageError as error:
            if os.environ.get("RANK", "0") != "0":  # rank 0 prints the error
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
    """User error: one line on standard error, exit code 2."""

    exit_code = 2

    @classmethod
    def of_usage(cls, error: click.UsageError) -> click.ClickException:
        """Returns a usage error with a hint to ``--help``; requests for help are kept."""
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            return error
        command = error.ctx.command_path if error.ctx is not None else "graphkit"
        return cls(f"{' '.join(error.format_message().split()).rstrip('.')}; see {command} --help")

    def show(self, file: Any = None) -> None:
        """Prints the error message."""
        line = self.message if len(self.message) <= LONGEST else f"{self.message[:LONGEST]}..."
        echo(f"Error: {printable(line)}", err=True)


def _message(error: Exception) -> str:
    """Returns the message of an error; for ``OSError``, file and reason."""
    if type(error).__str__ is OSError.__str__ and isinstance(error, OSError) and error.strerror:
        names = [name for name in (error.filename, error.filename2) if name is not None]
        return f"{' and '.join(map(repr, names))}: {error.strerror}" if names else error.strerror
    return str(error)


def _as_one_of_several(error: Exception, line: str) -> str:
    """Records an error for the summary of ``torchrun``, and returns the line to print."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        raise type(error)(line) from None  # without the traceback
    except Exception as plain:
        get_error_handler().record_exception(plain)
    process = os.environ.get("RANK", "0")
    if process == "0":
        return line
    time.sleep(5)  # usually the same error as on rank 0: torchrun ends this process before it is repeated
    return f"(process {process}) {line}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="graphkit")
def main() -> None:
    """Graph learning on PyTorch Geometric: training, evaluation and explanation.

    \b
    Example:
      graphkit train --model factorgcn --dataset factor-graphs --epochs 2

    \b
    Environment variables:
      GRAPHKIT_DATA       folder of raw data files
      GRAPHKIT_CACHE      folder of downloaded and processed files
      GRAPHKIT_BACKEND    torch disables the native operators
      GRAPHKIT_TRACEBACK  1 prints the traceback of errors
    """
    # Huge pages speed up large allocations; PyTorch reads this variable on import.
    if "torch" not in sys.modules:
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
        if "TORCHELASTIC_RUN_ID" in os.environ:  # silences a warning of DDP in phases that use all parameters
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    context = click.get_current_context()
    context.with_resource(showing_notes())
    context.with_resource(warnings.catch_warnings())
    # PyG scripts some of its classes on import, and newer versions of PyTorch warn of that.
    warnings.filterwarnings("ignore", "`torch.jit.script")
