"""Progress display of training: a bar, lines, or messages to a logger."""

import logging
import math
import sys
import time
from typing import TypedDict

from tqdm import tqdm

from graphkit.screen import printable


class EpochRow(TypedDict):
    """Scores of an epoch for the progress display."""

    epoch: int
    loss: float
    validation: float | None


class Progress:
    """Progress without a display, base class of the others.

    A fit calls :meth:`start`, :meth:`update` after each epoch, and :meth:`close`. Units in other processes share one
    display: :meth:`start_units`, :meth:`end_unit` after each of them, and :meth:`close`.
    """

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Starts the display of a fit with ``epoch`` of ``epochs`` completed."""

    def update(self, row: EpochRow) -> None:
        """Shows the scores of an epoch."""

    def start_units(self, label: str, count: int, done: int) -> None:
        """Starts the display of a run with ``done`` of ``count`` units completed."""

    def end_unit(self, unit: str) -> None:
        """Shows the end of a unit."""

    def close(self) -> None:
        """Ends the display of the fit or the units."""

    def say(self, message: str) -> None:
        """Shows a message."""


class BarProgress(Progress):
    """Progress bar with the loss and the validation score, for a terminal."""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Draws the bar."""
        label = printable(label)
        self.bar = tqdm(total=epochs, initial=epoch, desc=label, unit="epoch", file=sys.stderr, dynamic_ncols=True)

    def update(self, row: EpochRow) -> None:
        """Advances the bar."""
        self.bar.set_postfix_str(_scores(row), refresh=False)
        self.bar.update()

    def start_units(self, label: str, count: int, done: int) -> None:
        """Draws the bar of the units."""
        self.bar = tqdm(
            total=count, initial=done, desc=printable(label), unit="unit", file=sys.stderr, dynamic_ncols=True
        )

    def end_unit(self, unit: str) -> None:
        """Advances the bar of the units."""
        self.bar.set_postfix_str(printable(unit), refresh=False)
        self.bar.update()

    def close(self) -> None:
        """Closes the bar."""
        self.bar.close()

    def say(self, message: str) -> None:
        """Writes a message above the bar."""
        tqdm.write(printable(message), file=sys.stderr)


class LineProgress(Progress):
    """Progress as lines, for a file or a pipe.

    Lines are written for the first and the last epoch, and for some between them.

    Args:
        seconds: Least number of seconds between two lines.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Stores the label of the fit."""
        self.label, self.epochs, self.last = label, epochs, -math.inf
        self.line = ""

    def update(self, row: EpochRow) -> None:
        """Writes a line if enough time has passed since the last one."""
        self._write(f"{self.label} epoch {row['epoch']}/{self.epochs} {_scores(row)}")

    def start_units(self, label: str, count: int, done: int) -> None:
        """Stores the label and the number of units."""
        self.start(label, count, done)
        self.done = done

    def end_unit(self, unit: str) -> None:
        """Writes a line if enough time has passed since the last one."""
        self.done += 1
        self._write(f"{self.label} {self.done}/{self.epochs} units {unit}".rstrip())

    def close(self) -> None:
        """Writes the line of the last epoch or unit, unless it was written."""
        self._flush()

    def say(self, message: str) -> None:
        """Writes a message."""
        print(printable(message), file=sys.stderr, flush=True)

    def _write(self, line: str) -> None:
        self.line = line
        if time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            self._flush()

    def _flush(self) -> None:
        if self.line:
            self.say(self.line)
        self.line = ""


class LogProgress(Progress):
    """Messages to the logger ``"graphkit"``: notes as ``INFO``, epochs as ``DEBUG``.

    Args:
        display: Additional display; ``None`` for none.
    """

    def __init__(self, display: Progress | None = None) -> None:
        self.logger = logging.getLogger("graphkit")
        self.display = display or Progress()
        self.label = ""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Logs the start of a fit."""
        self.label = label
        self.logger.info("%s: epochs %d to %d", label, epoch + 1, epochs)
        self.display.start(label, epochs, epoch)

    def update(self, row: EpochRow) -> None:
        """Logs an epoch."""
        self.logger.debug("%s epoch %d %s", self.label, row["epoch"], _scores(row))
        self.display.update(row)

    def start_units(self, label: str, count: int, done: int) -> None:
        """Logs the start of the units."""
        self.label = label
        self.logger.info("%s: %d of %d units", label, done, count)
        self.display.start_units(label, count, done)

    def end_unit(self, unit: str) -> None:
        """Logs the end of a unit."""
        self.logger.debug("%s %s", self.label, unit)
        self.display.end_unit(unit)

    def close(self) -> None:
        """Ends the display."""
        self.display.close()

    def say(self, message: str) -> None:
        """Logs a note."""
        self.logger.info("%s", message)
        self.display.say(message)


def make_progress(quiet: bool = False) -> Progress:
    """Returns a progress bar on a terminal, else lines; no display if ``quiet``."""
    if quiet:
        return Progress()
    return BarProgress() if sys.stderr.isatty() else LineProgress()


def _scores(row: EpochRow) -> str:
    """Returns the loss and the validation score of an epoch."""
    validation = row["validation"]
    return f"loss {row['loss']:.4f}" + ("" if validation is None else f" validation {validation:.4f}")
